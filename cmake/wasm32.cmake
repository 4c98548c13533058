# SPDX-License-Identifier: MIT
#
# Builds for WebAssembly with WASI, the system interface that node, wasmtime and browsers' shims give:
# -DCMAKE_TOOLCHAIN_FILE=cmake/wasm32.cmake. It needs clang, lld and wasi-libc (Debian: wasi-libc, lld
# and libclang-rt-dev-wasm32). tests/wasm/run runs what was built. There is one thread, 1 MiB of stack,
# and memory that grows to 4 GiB.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET wasm32-wasi)
set(CMAKE_CXX_COMPILER "") # the C library is what is tested here
set(CMAKE_C_FLAGS_INIT "-msimd128 -D_WASI_EMULATED_PROCESS_CLOCKS")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-z,stack-size=1048576 -lwasi-emulated-process-clocks")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_DISABLE_FIND_PACKAGE_PkgConfig ON)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF CACHE BOOL "Nothing moves")
set(BUILD_SHARED_LIBS OFF CACHE BOOL "There are no shared libraries")
set(TP_NO_THREADS ON CACHE BOOL "There is one thread")
