# SPDX-License-Identifier: MIT
#
# tp_optional(NAME "what it is for" module…) declares the option TP_WITH_NAME for a library that
# pkg-config knows by these modules: AUTO takes it when it is there, ON insists, OFF leaves it.
# When taken, sources see -DTP_WITH_NAME. Left behind for the link, the install and the summary:
#     TP_OPTIONAL_TARGETS   imported targets           TP_OPTIONAL_LDFLAGS   linker flags
#     TP_OPTIONAL_FIND      CMake text that finds the targets again in a user's project
#     TP_OPTIONAL_SUMMARY   one line an option
set(TP_OPTIONAL_TARGETS)
set(TP_OPTIONAL_LDFLAGS)
set(TP_OPTIONAL_FIND)
set(TP_OPTIONAL_SUMMARY)

macro(tp_optional name purpose)
    set(TP_WITH_${name} AUTO CACHE STRING "${purpose}: AUTO, ON or OFF")
    set_property(CACHE TP_WITH_${name} PROPERTY STRINGS AUTO ON OFF)
    set(TP_${name}_FOUND FALSE)
    if(TP_WITH_${name})
        find_package(PkgConfig QUIET)
        if(PKG_CONFIG_FOUND)
            pkg_check_modules(TP_${name} QUIET IMPORTED_TARGET ${ARGN})
        endif()
    endif()

    string(REPLACE ";" " " tp_modules "${ARGN}")
    if(TP_${name}_FOUND)
        target_compile_definitions(tinypytorch_objects PRIVATE TP_WITH_${name})
        target_link_libraries(tinypytorch_objects PRIVATE PkgConfig::TP_${name})
        list(APPEND TP_OPTIONAL_TARGETS PkgConfig::TP_${name})
        list(APPEND TP_OPTIONAL_LDFLAGS ${TP_${name}_LDFLAGS})
        string(APPEND TP_OPTIONAL_FIND
               "pkg_check_modules(TP_${name} QUIET IMPORTED_TARGET ${tp_modules})\n")
        list(APPEND TP_OPTIONAL_SUMMARY "${purpose}: yes, ${tp_modules}")
    elseif("${TP_WITH_${name}}" STREQUAL "AUTO")
        list(APPEND TP_OPTIONAL_SUMMARY "${purpose}: no, pkg-config does not find ${tp_modules}")
    elseif(TP_WITH_${name})
        message(FATAL_ERROR "TP_WITH_${name} is ON, but pkg-config does not find ${tp_modules}")
    else()
        list(APPEND TP_OPTIONAL_SUMMARY "${purpose}: no, TP_WITH_${name} is OFF")
    endif()
endmacro()
