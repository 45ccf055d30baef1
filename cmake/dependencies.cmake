# What is needed to build: the library's own libraries, MPI for the program, Check for the tests.

include(libraries)

find_package(MPI COMPONENTS C)
if(NOT MPI_C_FOUND)
    message(FATAL_ERROR "MPI was not found.\n"
        "On Debian or Ubuntu: apt-get install libopenmpi-dev openmpi-bin. Elsewhere load a module of "
        "Open MPI, or pass -DMPI_C_COMPILER=PATH/mpicc.")
endif()

if(CARAVAN_BUILD_TESTS)
    pkg_check_modules(CHECK QUIET IMPORTED_TARGET "check>=0.12")
    if(NOT CHECK_FOUND)
        message(FATAL_ERROR "Check, the unit-test library, was not found.\n"
            "On Debian or Ubuntu: apt-get install check. To build without tests: -DCARAVAN_BUILD_TESTS=OFF.")
    endif()
endif()

find_package(Git QUIET)
