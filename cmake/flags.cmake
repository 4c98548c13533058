# SPDX-License-Identifier: MIT
#
# Flags for everything compiled below this project. No flag may change what a floating-point
# expression means: -ffp-contract=off keeps a * b + c two roundings on every machine.
include(CheckCCompilerFlag)

get_property(is_multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(is_top_level AND NOT is_multi_config AND NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_options(-ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                    -Wdouble-promotion $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
                    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)
check_c_compiler_flag(-fno-semantic-interposition TP_HAS_NO_SEMANTIC_INTERPOSITION)
if(TP_HAS_NO_SEMANTIC_INTERPOSITION)
    add_compile_options(-fno-semantic-interposition)
endif()
if(TP_WERROR)
    add_compile_options(-Werror)
endif()
if(TP_SANITIZE)
    add_compile_options(-fsanitize=${TP_SANITIZE} -fno-sanitize-recover=all
                        -fno-omit-frame-pointer -g -O1)
    add_link_options(-fsanitize=${TP_SANITIZE})
endif()
