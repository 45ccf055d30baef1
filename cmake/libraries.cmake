# The libraries that libcaravan links to. This file is installed beside caravan-config.cmake, so that
# a program that embeds a static libcaravan finds the same libraries in the same way.

find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)

# A module of pkg-config as the imported target PkgConfig::NAME, or an error that says what to install.
macro(caravan_pkg name module package)
    pkg_check_modules(${name} QUIET IMPORTED_TARGET "${module}")
    if(NOT ${name}_FOUND)
        message(FATAL_ERROR "${module} was not found by pkg-config.\n"
            "On Debian or Ubuntu: apt-get install ${package}. Elsewhere load its module, or put the "
            "folder that holds its .pc file on PKG_CONFIG_PATH or its prefix on CMAKE_PREFIX_PATH.")
    endif()
endmacro()

caravan_pkg(JANSSON "jansson>=2.10" libjansson-dev)
caravan_pkg(PCRE2 "libpcre2-8>=10.30" libpcre2-dev)
caravan_pkg(UTF8PROC "libutf8proc>=2.2" libutf8proc-dev)
caravan_pkg(CRYPTO "libcrypto>=1.1.1" libssl-dev)
caravan_pkg(ZLIB "zlib>=1.2.9" zlib1g-dev)

# The serial build: Caravan writes from one rank only, and the parallel build's headers would drag
# mpi.h into rooms that must not know of MPI.
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 COMPONENTS C)
if(NOT HDF5_FOUND OR HDF5_IS_PARALLEL)
    message(FATAL_ERROR "The serial HDF5 C library was not found.\n"
        "On Debian or Ubuntu: apt-get install libhdf5-dev. Elsewhere load a module of HDF5 built "
        "without MPI, or pass -DHDF5_ROOT=PREFIX.")
endif()

include("${CMAKE_CURRENT_LIST_DIR}/openblas.cmake")
