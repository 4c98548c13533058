# SPDX-License-Identifier: MIT
#
# The elementwise kernels and those of convolutions are compiled for several instruction sets, one of which the library picks
# when it starts. glibc's vector mathematics, libmvec, is called by name where it exists:
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

# None of these changes what an expression means.
set(tp_vector_flags -O3 -fno-math-errno -fno-trapping-math)
check_c_compiler_flag("-mavx2 -mfma" TP_HAS_AVX2)
check_c_compiler_flag(-mavx512f TP_HAS_AVX512)
set(tp_flags_baseline ${tp_vector_flags})
set(tp_flags_avx2 ${tp_vector_flags} $<$<BOOL:${TP_HAS_AVX2}>:-mavx2> $<$<BOOL:${TP_HAS_AVX2}>:-mfma>)
set(tp_flags_avx512 ${tp_vector_flags})
if(TP_HAS_AVX512)
    list(APPEND tp_flags_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl
         -mprefer-vector-width=512)
endif()
foreach(level baseline avx2 avx512)
    set_source_files_properties("${PROJECT_SOURCE_DIR}/src/kernels/vector_${level}.c"
                                "${PROJECT_SOURCE_DIR}/src/kernels/conv_${level}.c" PROPERTIES
                                COMPILE_OPTIONS "${tp_flags_${level}}")
endforeach()
