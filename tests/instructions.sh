#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# instructions.sh [--update] [RELEASE-BUILD]
#
# Counts the instructions of the small graphs in instructions.c with callgrind and holds them to
# those in instructions.txt, 3 % more or less: a slow-down shows without a clock. Counts belong to a
# compiler, a C library and a kind of processor; each of these is a section of instructions.txt. With
# --update this machine's section is written anew. Fewer instructions fail too, so that the baseline
# follows. Exit status 77, the reason on the last line: nothing to compare with.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
baseline=$here/instructions.txt
tolerance=3
update=false
[ "${1:-}" != --update ] || { update=true && shift; }
release=${1:-$here/../build/release}

skip()
{
    echo "$*"
    exit 77
}

# The compiler of the build, the C library and what decides which of libm's functions run.
section()
{
    local version processor
    version=$("$compiler" --version | head -n 1)
    case $version in
    *clang*) ;;
    *) version="gcc ${version#* }" ;;
    esac
    processor=$(uname -m)
    if grep -qw avx2 /proc/cpuinfo 2>/dev/null; then
        processor="$processor with AVX2"
    fi
    echo "[$version, $(getconf GNU_LIBC_VERSION 2>/dev/null || echo libc), $processor]"
}

# count WORK: a dump follows each workload; its totals are what has been counted since the last.
count()
{
    local work=$1 name i=0
    "$compiler" -O2 -std=c11 -I"$here/../include" "$here/instructions.c" \
        -L"$release" -ltinypytorch -Wl,-rpath,"$release" -lm -o "$work/instructions"
    TP_NUM_THREADS=1 TP_PROFILE=0 OPENBLAS_NUM_THREADS=1 valgrind --tool=callgrind \
        --toggle-collect=instructions_counted --dump-after=instructions_counted \
        --callgrind-out-file="$work/count" "$work/instructions" \
        >"$work/names" 2>"$work/log" || { cat "$work/log" && return 1; }
    while read -r name; do
        i=$((i + 1))
        echo "$name $(sed -n 's/^totals: //p' "$work/count.$i")"
    done <"$work/names"
}

read_section() # name
{
    awk -v name="$1" '/^\[/ { here = $0 == name; next } here && NF == 2' "$baseline"
}

write_section() # name, work
{
    {
        awk -v name="$1" '/^\[/ { here = $0 == name }
                          here || !NF { next }
                          /^\[/ { print "" }
                          { print }' "$baseline"
        printf '\n%s\n' "$1"
        cat "$2/now"
    } >"$2/baseline"
    cp "$2/baseline" "$baseline"
}

compare() # work
{
    awk -v tolerance=$tolerance '
        NR == FNR { old[$1] = $2; next }
        { now[$1] = 1
          if (!($1 in old)) { printf "%-12s %10d, not in the baseline\n", $1, $2; wrong = 1; next }
          percent = 100 * ($2 / old[$1] - 1)
          word = percent > tolerance ? "  SLOWER" : percent < -tolerance ? "  FASTER" : ""
          printf "%-12s %10d, was %10d %+6.2f %%%s\n", $1, $2, old[$1], percent, word
          if (word != "") wrong = 1 }
        END { for (name in old) if (!(name in now)) { print name " was not counted"; wrong = 1 }
              if (wrong) print "if this is meant: tests/instructions.sh --update"
              exit wrong }' "$1/was" "$1/now"
}

command -v valgrind >/dev/null 2>&1 || skip "valgrind is not installed"
[ -e "$release/libtinypytorch.so" ] || skip "there is no shared library in $release"
compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$release/CMakeCache.txt")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=$(section)
read_section "$name" >"$work/was"
$update || [ -s "$work/was" ] || skip "instructions.txt has no section $name"
count "$work" >"$work/now"
echo "$name"
if $update; then
    write_section "$name" "$work"
    cat "$work/now"
else
    compare "$work"
fi
