# SPDX-License-Identifier: MIT
#
# Headers, libraries, the command, and what lets pkg-config and find_package(tinypytorch) find them.
# The installed tree may be moved: both files work out their prefix from where they are.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(TARGETS ${libraries} EXPORT tinypytorchTargets
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tinypytorch")
install(EXPORT tinypytorchTargets NAMESPACE tinypytorch:: DESTINATION "${package_dir}")
configure_package_config_file(cmake/tinypytorchConfig.cmake.in tinypytorchConfig.cmake
                              INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(tinypytorchConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/tinypytorchConfig.cmake"
              "${PROJECT_BINARY_DIR}/tinypytorchConfigVersion.cmake"
        DESTINATION "${package_dir}")

if(TP_BUILD_COMMAND)
    install(TARGETS tinypytorch_command DESTINATION "${CMAKE_INSTALL_BINDIR}")
    install(FILES docs/tinypytorch.1 DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
    install(FILES tools/completion/tinypytorch.bash RENAME tinypytorch
            DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
    install(FILES tools/completion/_tinypytorch
            DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
    install(FILES tools/completion/tinypytorch.fish
            DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")
endif()

function(tp_pc_path variable path)
    if(IS_ABSOLUTE "${path}")
        set(${variable} "${path}" PARENT_SCOPE)
    else()
        set(${variable} "\${prefix}/${path}" PARENT_SCOPE)
    endif()
endfunction()

file(RELATIVE_PATH pc_to_prefix
     "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
tp_pc_path(pc_libdir "${CMAKE_INSTALL_LIBDIR}")
tp_pc_path(pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
set(pc_threads)
if(NOT TP_NO_THREADS)
    set(pc_threads -lpthread)
endif()
string(REPLACE ";" " " pc_optional_libs "${TP_OPTIONAL_LDFLAGS}")
configure_file(cmake/tinypytorch.pc.in tinypytorch.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tinypytorch.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
