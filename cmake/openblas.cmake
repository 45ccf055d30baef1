# OpenBLAS, the build that uses OpenMP, as the imported target OpenBLAS::OpenBLAS.
#
# Caravan's own loops run in OpenMP threads. A pthreads build of OpenBLAS keeps a second pool of
# threads that fights with them for the cores, and a sequential build leaves all but one core idle;
# both link without a word. Debian can have all three installed and points pkg-config at one of them
# through its alternatives, so the candidates are run and asked, and the first OpenMP build is taken.

set(OPENBLAS_LIBRARY "" CACHE FILEPATH "Path of libopenblas (the OpenMP build); empty searches for it")

# Sets the variable answer to 0 (sequential), 1 (pthreads), 2 (OpenMP), or to an error text.
function(caravan_ask_openblas library answer)
    set(source "${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/ask_openblas.c")
    # LAPACK's routines are inside, unless it was built without them: then this does not link.
    file(WRITE "${source}" "int openblas_get_parallel(void);\nvoid dgesdd_(void);\n"
        "int main(void) { void (*volatile lapack)(void) = dgesdd_; return lapack ? openblas_get_parallel() : 9; }\n")
    try_run(result compiled "${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/ask_openblas" "${source}"
        LINK_LIBRARIES "${library}")
    if(compiled)
        set(${answer} "${result}" PARENT_SCOPE)
    else()
        set(${answer} "does not link" PARENT_SCOPE)
    endif()
    unset(result CACHE)
    unset(compiled CACHE)
endfunction()

function(caravan_find_openblas)
    pkg_check_modules(OPENBLAS_PC QUIET openblas)
    find_library(OPENBLAS_DEBIAN openblas PATH_SUFFIXES openblas-openmp NO_CACHE)
    find_library(OPENBLAS_PLAIN openblas HINTS ENV OPENBLAS_ROOT ENV OpenBLAS_HOME ENV EBROOTOPENBLAS
        PATH_SUFFIXES lib lib64 NO_CACHE)
    if(OPENBLAS_LIBRARY)
        set(candidates "${OPENBLAS_LIBRARY}")
    else()
        set(candidates ${OPENBLAS_PC_LINK_LIBRARIES} ${OPENBLAS_PLAIN} ${OPENBLAS_DEBIAN})
    endif()
    list(FILTER candidates INCLUDE REGEX "openblas")
    list(REMOVE_DUPLICATES candidates)

    set(kinds "a sequential build" "a pthreads build")
    set(rejected "")
    foreach(library IN LISTS candidates)
        caravan_ask_openblas("${library}" answer)
        if(answer STREQUAL "2")
            set(found "${library}")
            break()
        elseif(answer MATCHES "^[01]$")
            list(GET kinds ${answer} answer)
        endif()
        string(APPEND rejected "\n  ${library}: ${answer}")
    endforeach()
    if(NOT found)
        message(FATAL_ERROR "No OpenBLAS built with OpenMP was found.${rejected}\n"
            "On Debian or Ubuntu: apt-get install libopenblas-openmp-dev. Elsewhere load a module of "
            "OpenBLAS built with USE_OPENMP=1, or pass -DOPENBLAS_LIBRARY=PATH/libopenblas.so.")
    endif()

    cmake_path(GET found PARENT_PATH folder)
    string(REGEX REPLACE "/lib(64)?(/|$)" "/include\\2" include_guess "${folder}")
    find_path(OPENBLAS_INCLUDE cblas.h HINTS "${include_guess}" ${OPENBLAS_PC_INCLUDE_DIRS}
        PATH_SUFFIXES openblas-openmp openblas NO_CACHE REQUIRED)

    add_library(OpenBLAS::OpenBLAS UNKNOWN IMPORTED)
    set_target_properties(OpenBLAS::OpenBLAS PROPERTIES
        IMPORTED_LOCATION "${found}" INTERFACE_INCLUDE_DIRECTORIES "${OPENBLAS_INCLUDE}")
    set(CARAVAN_OPENBLAS_LIBRARY "${found}" PARENT_SCOPE)
    set(CARAVAN_OPENBLAS_VERSION "${OPENBLAS_PC_VERSION}" PARENT_SCOPE)
endfunction()

if(NOT TARGET OpenBLAS::OpenBLAS)
    caravan_find_openblas()
endif()
