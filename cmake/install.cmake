# cmake --install: the program, the library with its headers, and the two ways to find the library.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/caravan")

install(TARGETS caravan EXPORT caravan-targets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(TARGETS caravan_program RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(DIRECTORY include/caravan DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(FILES "${CARAVAN_VERSION_HEADER}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/caravan")
install(FILES LICENSE README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY docs/ DESTINATION "${CMAKE_INSTALL_DOCDIR}" FILES_MATCHING PATTERN "*.md")

# find_package(caravan) gives Caravan::caravan.
install(EXPORT caravan-targets NAMESPACE Caravan:: DESTINATION "${package_folder}")
configure_package_config_file(cmake/caravan-config.cmake.in "${PROJECT_BINARY_DIR}/caravan-config.cmake"
    INSTALL_DESTINATION "${package_folder}")
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/caravan-config-version.cmake"
    VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES
    "${PROJECT_BINARY_DIR}/caravan-config.cmake" "${PROJECT_BINARY_DIR}/caravan-config-version.cmake"
    cmake/libraries.cmake cmake/openblas.cmake
    DESTINATION "${package_folder}")

# pkg-config caravan. A static libcaravan does not know what it needs, so the libraries stand where
# plain "pkg-config --libs" prints them. Paths are relative: the prefix may be chosen at installing.
cmake_path(GET CARAVAN_OPENBLAS_LIBRARY PARENT_PATH openblas_folder)
# h5cc also names all that a static libhdf5 would need; a shared one brings it along by itself.
set(hdf5_libraries ${HDF5_C_LIBRARIES})
if(hdf5_libraries MATCHES "libhdf5\\.so")
    list(FILTER hdf5_libraries INCLUDE REGEX "libhdf5\\.so")
endif()
list(JOIN hdf5_libraries " " hdf5_libraries)
set(pc_libraries
    "${CARAVAN_OPENBLAS_LIBRARY} -Wl,-rpath,${openblas_folder} ${hdf5_libraries} ${OpenMP_C_FLAGS} -lm")
set(pc_modules "jansson, libpcre2-8, libutf8proc, libcrypto, zlib")
if(BUILD_SHARED_LIBS)
    set(pc_needs "Requires.private: ${pc_modules}\nLibs: -L\${libdir} -lcaravan\nLibs.private: ${pc_libraries}")
else()
    set(pc_needs "Requires: ${pc_modules}\nLibs: -L\${libdir} -lcaravan ${pc_libraries}")
endif()
set(pc_folder "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH pc_to_prefix "/${pc_folder}" "/")
configure_file(cmake/caravan.pc.in "${PROJECT_BINARY_DIR}/caravan.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/caravan.pc" DESTINATION "${pc_folder}")
