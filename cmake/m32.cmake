# SPDX-License-Identifier: MIT
#
# Builds for 32-bit x86 with gcc for 64 bits: -DCMAKE_TOOLCHAIN_FILE=cmake/m32.cmake. It needs 32-bit
# libraries (Debian: libc6-dev-i386 and lib32gcc-12-dev, the number being gcc's; gcc-multilib excludes
# cross compilers). Libraries that TinyPytorch can use beyond libc are the 64-bit machine's, so none
# is looked for.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_C_COMPILER gcc)
set(CMAKE_CXX_COMPILER "") # the C library is what is tested here
set(CMAKE_C_FLAGS_INIT -m32)
set(CMAKE_DISABLE_FIND_PACKAGE_PkgConfig ON)

# The kernel's headers, which Debian keeps where gcc looks when it compiles for 64 bits.
execute_process(COMMAND gcc -print-multiarch OUTPUT_VARIABLE multiarch OUTPUT_STRIP_TRAILING_WHITESPACE)
if(EXISTS "/usr/include/${multiarch}/asm")
    string(APPEND CMAKE_C_FLAGS_INIT " -idirafter /usr/include/${multiarch}")
endif()
