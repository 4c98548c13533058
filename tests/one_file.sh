#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# one_file.sh
#
# Holds what scripts/amalgamate writes to what README.md says of it: the same bytes each time,
# nothing said by gcc and clang without a flag and in C11 and C23, every test of the table of
# operations, README's example, C++11, and the bits of the library that CMake installs.
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings=(-Wall -Wextra -Werror)

has()
{
    command -v "$1" >/dev/null 2>&1
}

fail()
{
    echo "failed: $*"
    exit 1
}

# says_nothing COMPILER: without a flag, and in the oldest and the newest C that it knows.
says_nothing()
{
    local standard
    for standard in -std=c11 -std=c2x; do
        "$1" "$standard" "${warnings[@]}" -fsyntax-only "$work/tinypytorch.c"
    done
    "$1" "${warnings[@]}" "$root/examples/rosenbrock.c" "$work/tinypytorch.c" -I"$work" -lm -lpthread \
        -o "$work/plain-$1"
    (cd "$work" && "./plain-$1") >"$work/plain-$1.out"
    echo "ok: $1"
}

passes_table()
{
    "$cc" -I"$root/include" -I"$root/src" -I"$root/tests" \
        -DTEST_REFERENCE="\"$root/tests/reference\"" "$root"/tests/test_table.c \
        "$root"/tests/table*.c "$root/tests/harness.c" "$work/tinypytorch.o" -lm -lpthread \
        -o "$work/table"
    (cd "$work" && TP_TEST_SHORT=1 ./table)
}

runs_in_cplusplus()
{
    if ! has g++; then
        echo "g++ is not installed: not tried"
        return
    fi
    g++ -std=c++11 -Wpedantic "${warnings[@]}" -I"$work" "$root/tests/test_cplusplus.cpp" \
        "$work/tinypytorch.o" -lpthread -o "$work/cplusplus"
    (cd "$work" && ./cplusplus)
}

# gives_installed_bits: at every level of instructions that this processor has.
gives_installed_bits()
{
    local flags=(-O2 "$root/tests/one_file.c") level
    "$cc" "${flags[@]}" -I"$work" "$work/tinypytorch.o" -lm -lpthread -o "$work/one"
    "$cc" "${flags[@]}" -I"$work/installed/include" "$work"/installed/lib*/libtinypytorch.a -lm \
        -lpthread -o "$work/installed/one"
    for level in reference baseline avx2 avx512; do
        TP_CPU=$level "$work/one" >"$work/one.out"
        TP_CPU=$level "$work/installed/one" >"$work/installed/one.out"
        cmp "$work/one.out" "$work/installed/one.out" || fail "other bits at level $level"
    done
    echo "ok: $(wc -l <"$work/one.out") lines of bits"
}

install_plain()
{
    local name off=()
    for name in BLAS LAPACK GRAPHVIZ CAIRO ZLIB MVEC; do
        off+=("-DTP_WITH_$name=OFF")
    done
    cmake -S "$root" -B "$work/build" -DCMAKE_C_COMPILER="$cc" -DCMAKE_INSTALL_PREFIX="$work/installed" \
        -DBUILD_SHARED_LIBS=OFF -DTP_BUILD_COMMAND=OFF -DTP_BUILD_EXAMPLES=OFF \
        -DTP_BUILD_TESTS=OFF "${off[@]}"
    cmake --build "$work/build" --parallel 2
    cmake --install "$work/build"
}

has python3 || { echo "python3 is not installed" && exit 77; }
cc=${CC:-cc}
has gcc && cc=gcc
"$root/scripts/amalgamate" "$work"
mkdir "$work/again"
(cd "$work/again" && "$root/scripts/amalgamate")
cmp "$work/again/tinypytorch.c" "$work/tinypytorch.c"
cmp "$work/again/tinypytorch.h" "$work/tinypytorch.h"

"$cc" -O2 "${warnings[@]}" -c "$work/tinypytorch.c" -o "$work/tinypytorch.o" &
compiler=$!
install_plain >"$work/log" 2>&1 || { tail -n 40 "$work/log" && fail "the library does not install"; }
wait $compiler
for compiler in gcc clang; do
    ! has $compiler || says_nothing $compiler
done
ar rcs "$work/libtinypytorch.a" "$work/tinypytorch.o"
bash "$root/tests/readme.sh" "$work" "$work"
passes_table
runs_in_cplusplus
gives_installed_bits
