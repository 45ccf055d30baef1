# What a builder may choose.

option(BUILD_SHARED_LIBS "Build libcaravan as a shared library" OFF)
option(CARAVAN_BUILD_TESTS "Build the tests (needs Check)" ${PROJECT_IS_TOP_LEVEL})
option(CARAVAN_WARNINGS_AS_ERRORS "Stop at the first compiler warning in Caravan's own code" OFF)
set(CARAVAN_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined")
# The hot loops are compiled for several instruction sets anyway and choose at start (src/base/simd.h), so
# that one program runs on all nodes of a mixed cluster; this is for those who want the rest tuned too.
set(CARAVAN_MARCH "" CACHE STRING
    "Instruction set for -march, e.g. native or x86-64-v3; empty builds for any machine of this kind")

# An empty build type would mean no optimisation at all, which nobody wants from a program like this.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
