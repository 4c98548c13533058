# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The machines other than this one that scripts/test builds for and runs the test programs on: 64-bit
# ARM in QEMU, 32-bit x86, and WebAssembly in node.

machine_needs()
{
    need optional "QEMU for aarch64" 'emulator || native_aarch64' \
        qemu-user qemu-user qemu-user qemu-aarch64 ''
    need optional "a cross compiler for aarch64" 'cross_compiles || native_aarch64' \
        'gcc-aarch64-linux-gnu libc6-dev-arm64-cross' '' \
        'aarch64-linux-gnu-gcc aarch64-linux-gnu-glibc' '' ''
    need optional "32-bit x86" 'm32_compiles || ! native_x86_64' \
        "libc6-dev-i386 lib32gcc-$(gcc -dumpversion 2>/dev/null)-dev" \
        'glibc-devel.i686 libgcc.i686' 'lib32-glibc lib32-gcc-libs' '' ''
    need optional "WebAssembly (clang, lld, wasi-libc)" wasm_compiles \
        'clang lld wasi-libc libclang-rt-dev-wasm32' \
        'clang lld wasi-libc-static compiler-rt' 'clang lld wasi-libc wasi-compiler-rt' \
        'clang lld wasi-libc wasi-compiler-rt' ''
}

native_aarch64()
{
    case $(uname -m) in
    aarch64 | arm64) return 0 ;;
    *) return 1 ;;
    esac
}

emulator()
{
    command -v qemu-aarch64 || command -v qemu-aarch64-static
}

# To be able to link shows the headers and the static library too.
cross_compiles()
{
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' |
        aarch64-linux-gnu-gcc -x c - -static -o /dev/null
}

native_x86_64()
{
    [ "$(uname -m)" = x86_64 ]
}

m32_compiles()
{
    printf '#include <errno.h>\nint main(void) { return errno; }\n' |
        gcc -m32 -idirafter "/usr/include/$(gcc -print-multiarch)" -x c - -o /dev/null
}

wasm_compiles()
{
    printf '#include <errno.h>\nint main(void) { return errno; }\n' |
        clang --target=wasm32-wasi -x c - -o /dev/null
}

# --- Builds ---

# The programs are static, without what the library can use beyond libc.
build_aarch64() # targets…
{
    ! native_aarch64 || skip "this machine is one"
    emulator >/dev/null || skip "qemu-aarch64 is not installed"
    cross_compiles 2>/dev/null || skip "aarch64-linux-gnu-gcc or its libc is not installed"
    configure_and_build aarch64 -DCMAKE_TOOLCHAIN_FILE="$root/cmake/aarch64.cmake" \
        -DBUILD_SHARED_LIBS=OFF -DTP_BUILD_EXAMPLES=OFF -DTP_WERROR=ON -- "$@"
}

build_m32() # targets…
{
    native_x86_64 || skip "this machine is no x86-64"
    m32_compiles 2>/dev/null || skip "gcc -m32 has no libraries"
    configure_and_build m32 -DCMAKE_TOOLCHAIN_FILE="$root/cmake/m32.cmake" \
        -DBUILD_SHARED_LIBS=OFF -DTP_BUILD_EXAMPLES=OFF -DTP_WERROR=ON -- "$@"
}

# The programs that need neither threads nor processes, and the walkthrough's figures.
build_wasm32()
{
    wasm_compiles 2>/dev/null || skip "clang for WebAssembly, lld or wasi-libc is not installed"
    has node || skip "node is not installed"
    node -e 'process.exit(process.versions.node.split(".")[0] < 18 ? 1 : 0)' || skip "node is older than 18"
    configure_and_build wasm32 -DCMAKE_TOOLCHAIN_FILE="$root/cmake/wasm32.cmake" \
        -DTP_BUILD_EXAMPLES=OFF -DTP_BUILD_COMMAND=OFF -DTP_WERROR=ON
}

# --- Suites ---

# QEMU 7 stops when the child of a program with threads starts threads: tests of that look at
# TP_TEST_EMULATED. Failing allocations start thousands of threads, of which it now and then loses
# one, and find the same on every processor, as counts of copies do.
# shellcheck disable=SC2086
test_aarch64()
{
    local programs=$programs
    programs=$(programs_but "$searches|failure|failure_calls|product_copies")
    check build aarch64 build_aarch64 $programs
    [ $status = 0 ] || return 0
    export TP_TEST_SHORT=1 TP_TEST_EMULATED=1
    run_suite aarch64 "$root/build/aarch64" "$jobs" 600 "$(emulator)"
    unset TP_TEST_SHORT TP_TEST_EMULATED
}

# On 32 bits sizes and pointers are half as large, and what they can count is less. Without the long
# searches, and what looks at files, pictures and clocks.
# shellcheck disable=SC2086
test_m32()
{
    local programs=$programs
    programs=$(programs_but "gradcheck|claims|claims_many|draw_formats|plot|file|report|anomaly|thread_profile")
    check build m32 build_m32 $programs
    [ $status = 0 ] || return 0
    export TP_TEST_SHORT=1
    run_suite m32 "$root/build/m32" "$jobs" 300 env
    unset TP_TEST_SHORT
}

# A machine of 32 bits with one thread that knows no processes, and stops at a call of a function by
# another type than its own. Products of many sizes take minutes there.
test_wasm32()
{
    local programs=$programs
    programs=$(programs_but "gradcheck|claims|claims_many|gemm")
    check build wasm32 build_wasm32
    [ $status = 0 ] || return 0
    export TP_TEST_SHORT=1
    run_suite wasm32 "$root/build/wasm32" "$jobs" 300 "$root/tests/wasm/run"
    check wasm32 figures "$root/tests/wasm/run" "$root/build/wasm32/tests/figures"
    unset TP_TEST_SHORT
}
