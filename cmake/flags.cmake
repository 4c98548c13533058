# SPDX-License-Identifier: MIT
#
# Flags for everything compiled below this project. No flag may change what a floating-point
# expression means: -ffp-contract=off keeps a * b + c two roundings on every machine, SSE on 32-bit
# x86 a double a double, where the x87 computes with 64 bits and rounds when it stores.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)

get_property(is_multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(is_top_level AND NOT is_multi_config AND NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

if(NOT CMAKE_C_STANDARD MATCHES "^(11|17|23)$")
    set(CMAKE_C_STANDARD 11)
endif()
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
if(NOT DEFINED CMAKE_C_VISIBILITY_PRESET)
    set(CMAKE_C_VISIBILITY_PRESET hidden)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_options(-ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                    -Wdouble-promotion $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
                    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)
check_c_source_compiles("
    #if !defined(__i386__)
    #error
    #endif
    int main(void) { return 0; }" TP_IS_I386)
if(TP_IS_I386)
    add_compile_options(-msse2 -mfpmath=sse)
endif()
set(CMAKE_REQUIRED_FLAGS -Werror) # else a flag that does nothing passes
check_c_compiler_flag(-fno-semantic-interposition TP_HAS_NO_SEMANTIC_INTERPOSITION)
if(TP_HAS_NO_SEMANTIC_INTERPOSITION)
    add_compile_options(-fno-semantic-interposition)
endif()
check_c_compiler_flag("-fno-align-functions;-fno-align-jumps;-fno-align-labels" TP_HAS_NO_ALIGN)
unset(CMAKE_REQUIRED_FLAGS)
# Half of a record is pointers, which a library that moves has a list of, 24 bytes each, or a bit each.
check_c_source_compiles("
    #include <stdlib.h>
    #if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 36)
    #error
    #endif
    int main(void) { return 0; }" TP_HAS_RELR)
check_c_compiler_flag(-Wl,-z,pack-relative-relocs TP_HAS_PACKED_RELOCATIONS)
if(TP_HAS_RELR AND TP_HAS_PACKED_RELOCATIONS)
    add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,SHARED_LIBRARY>:-Wl,-z,pack-relative-relocs>)
endif()
# Within the library calls of its public functions go straight there, not through a table of jumps.
check_c_compiler_flag(-Wl,-Bsymbolic-functions TP_HAS_SYMBOLIC_FUNCTIONS)
if(TP_HAS_SYMBOLIC_FUNCTIONS)
    add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,SHARED_LIBRARY>:-Wl,-Bsymbolic-functions>)
endif()
if(TP_WERROR)
    string(REGEX MATCH "^[0-9]+" major "${CMAKE_C_COMPILER_VERSION}")
    string(REPLACE "GNU" "gcc" family "${CMAKE_C_COMPILER_ID}")
    string(TOLOWER "${family}" family)
    file(STRINGS "${PROJECT_SOURCE_DIR}/cmake/compilers.txt" named REGEX "^${family}.* ${major}( |$)")
    if(named)
        add_compile_options(-Werror)
    else()
        message(STATUS "warnings stay warnings: cmake/compilers.txt does not name this compiler")
    endif()
endif()
if(TP_SANITIZE)
    add_compile_options(-fsanitize=${TP_SANITIZE} -fno-sanitize-recover=all
                        -fno-omit-frame-pointer -g -O1)
    add_link_options(-fsanitize=${TP_SANITIZE})
endif()
