# caravan/version.h, renewed at each build (and touched only when it changes), as the commit moves on
# without CMake being run again.

set(CARAVAN_GENERATED "${PROJECT_BINARY_DIR}/generated")
set(CARAVAN_VERSION_HEADER "${CARAVAN_GENERATED}/caravan/version.h")
add_custom_target(caravan_version
    COMMAND ${CMAKE_COMMAND}
        -D "VERSION=${PROJECT_VERSION}"
        -D "BUILD_TYPE=${CMAKE_BUILD_TYPE}"
        -D "SOURCE=${PROJECT_SOURCE_DIR}"
        -D "GIT=${GIT_EXECUTABLE}"
        -D "OUTPUT=${CARAVAN_VERSION_HEADER}"
        -P "${PROJECT_SOURCE_DIR}/cmake/write-version.cmake"
    BYPRODUCTS "${CARAVAN_VERSION_HEADER}"
    COMMENT "Renewing caravan/version.h"
    VERBATIM)
