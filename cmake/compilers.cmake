# How Caravan's own code is compiled. Headers of other libraries come in through imported targets,
# which CMake treats as system headers: they give no warnings.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON) # clang-tidy and editors read it
# So that the program finds the very OpenBLAS it was linked with, after installing too; see openblas.cmake.
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

# Asserts stay on in every build: they are nowhere in inner loops, and a wrong score is worse than a
# stopped run. Debug information costs no speed and makes a report of a crash worth reading.
set(CMAKE_C_FLAGS_RELEASE "-O3 -g")
set(CMAKE_C_FLAGS_DEBUG "-Og -g3")

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
    -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -ffp-contract=off # no product and sum fused behind our back: the source decides the bits
    -fno-math-errno # nobody reads errno after exp(), and without it the compiler may vectorise the call
    -fno-omit-frame-pointer)
if(CARAVAN_WARNINGS_AS_ERRORS)
    add_compile_options(-Werror)
endif()
if(CARAVAN_MARCH)
    add_compile_options("-march=${CARAVAN_MARCH}")
endif()
if(CARAVAN_SANITIZE)
    add_compile_options("-fsanitize=${CARAVAN_SANITIZE}" -fno-sanitize-recover=all)
    add_link_options("-fsanitize=${CARAVAN_SANITIZE}")
endif()
