# SPDX-License-Identifier: MIT
#
# Some kernels are compiled for several instruction sets, one of which the library picks when it starts. glibc's vector mathematics, libmvec, is called by name where it exists:
# TP_WITH_MVEC = AUTO | ON | OFF.
include(CheckCSourceCompiles)

set(TP_WITH_MVEC AUTO CACHE STRING "vector mathematics: AUTO, ON or OFF")
set_property(CACHE TP_WITH_MVEC PROPERTY STRINGS AUTO ON OFF)
if(TP_WITH_MVEC)
    set(CMAKE_REQUIRED_LIBRARIES m)
    check_c_source_compiles("
        typedef double v __attribute__((vector_size(16)));
        v _ZGVbN2v_tanh(v);
        int main(int argc, char **argv) { v x = {argc, 1}; return (int)_ZGVbN2v_tanh(x)[0]; }"
        TP_HAS_MVEC)
    unset(CMAKE_REQUIRED_LIBRARIES)
endif()
if(TP_WITH_MVEC AND TP_HAS_MVEC)
    target_compile_definitions(tinypytorch_objects PRIVATE TP_WITH_MVEC)
    list(APPEND TP_OPTIONAL_SUMMARY "vector mathematics: yes, libmvec")
elseif("${TP_WITH_MVEC}" STREQUAL "ON")
    message(FATAL_ERROR "TP_WITH_MVEC is ON, but the C library has no libmvec")
else()
    list(APPEND TP_OPTIONAL_SUMMARY "vector mathematics: no, functions come from libm")
endif()

set(TP_WITH_AVX AUTO CACHE STRING "kernels for AVX2 and AVX-512: AUTO, ON or OFF")
set_property(CACHE TP_WITH_AVX PROPERTY STRINGS AUTO ON OFF)
if(NOT TP_WITH_AVX)
    target_compile_definitions(tinypytorch_objects PRIVATE TP_NO_AVX)
    list(APPEND TP_OPTIONAL_SUMMARY "kernels for AVX: no, TP_WITH_AVX is OFF")
endif()

# gcc finds what these kernels are compiled with in src/kernels/optimize.h.
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    file(GLOB tp_level_sources "${PROJECT_SOURCE_DIR}/src/kernels/*_baseline.c"
         "${PROJECT_SOURCE_DIR}/src/kernels/*_avx*.c")
    set_source_files_properties(${tp_level_sources} PROPERTIES COMPILE_OPTIONS -O3)
endif()
