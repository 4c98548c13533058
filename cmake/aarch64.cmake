# SPDX-License-Identifier: MIT
#
# Builds for 64-bit ARM on another machine with Debian's cross compiler and runs what was built with
# QEMU: -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake. Programs are static, so that they need nothing of
# that machine. Libraries that TinyPytorch can use beyond libc are this machine's, so none is looked
# for.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER "") # the C library is what is tested here
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_DISABLE_FIND_PACKAGE_PkgConfig ON)
find_program(CMAKE_CROSSCOMPILING_EMULATOR NAMES qemu-aarch64 qemu-aarch64-static)
