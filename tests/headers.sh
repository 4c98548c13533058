#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# headers.sh COMPILER STANDARD [LIBRARY.a LIBRARIES...]
#
# What the public headers promise of every function they declare, so that the next one keeps it too.
# Its calls are written from the declarations, and only compiled:
#
# * Every operand of an operation takes a number, without a warning.
# * What takes options takes none, and refuses a value without a name: 1, 0, true, NULL, 0.5; gcc's
#   message says what is wanted.
# * The defaults in C and in C++ are the same bytes (if there is a C++ compiler).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
compiler=$1 standard=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-std=$standard -I$root/include -fsyntax-only"
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wdouble-promotion -Werror"
passed=0 failed=0 gcc=true
if "$compiler" --version | grep -q clang; then gcc=false; fi

pass()
{
    passed=$((passed + 1))
}

fail()
{
    failed=$((failed + 1))
    echo "failed: $*"
}

declarations()
{
    awk -f "$root/scripts/declarations" "$@"
}

# A C function of these parameters, minus the options at their end, that calls the function with
# numbers for operands, and with LAST as one more argument.
caller() # number, declaration, operand or "", last argument or ""
{
    awk -F'|' -v number="$1" -v operand="$3" -v last="$4" '{
        n = split($3, parameter, ", ")
        if ($3 ~ /_options \*/)
            n--
        for (i = 1; i <= n; i++) {
            name = parameter[i]
            sub(/^.*[ *]/, "", name)
            list = list (i > 1 ? ", " : "") parameter[i]
            arguments = arguments (i > 1 ? ", " : "") \
                (operand != "" && parameter[i] ~ /^tp_var \*[a-z_]+$/ ? operand : name)
            unused = unused " (void)" name ";"
        }
        if (last != "")
            arguments = arguments (n ? ", " : "") last
        print "void call_" number "(" (n ? list : "void") ");"
        print "void call_" number "(" (n ? list : "void") ") {" unused " (void)" $1 "(" arguments "); }"
    }' <<<"$2" | sed 's/(void)\(tp_[a-z_0-9]*\)(\(.*\)); }$/\1(\2); }/'
}

compile() # file
{
    # shellcheck disable=SC2086
    "$compiler" $flags $warnings "$1" 2>"$work/messages"
}

include='#include <tinypytorch.h>
struct bits { unsigned three : 3; long long many : 40; };
extern struct bits bits;'

cd "$root/include/tinypytorch"

# --- Numbers ---

n=0
{
    echo "$include"
    while IFS= read -r declaration; do
        for operand in 2 2.5f true "'a'" 7ul bits.three bits.many; do
            n=$((n + 1))
            caller $n "$declaration" "$operand" ''
        done
    done < <(declarations elementwise.h reduce.h shape.h linalg.h conv.h network.h sequence.h functional.h random.h |
        grep -E 'tp_var \*[a-z_]+(,|$)' | grep -vE '\(\*')
} >"$work/numbers.c"
[ $n -gt 1000 ] || fail "only $n calls with numbers"
if compile "$work/numbers.c"; then pass; else fail "numbers as operands" && head -n 20 "$work/messages"; fi

# --- Options ---

functions=0
while IFS= read -r declaration; do
    functions=$((functions + 1))
    name=${declaration%%|*}
    { echo "$include" && caller 0 "$declaration" '' ''; } >"$work/call.c"
    if compile "$work/call.c"; then pass; else fail "$name without options" && head -n 5 "$work/messages"; fi
    for value in 1 0 true NULL 0.5; do
        { echo "$include" && caller 0 "$declaration" '' $value; } >"$work/call.c"
        # shellcheck disable=SC2086
        if "$compiler" $flags "$work/call.c" 2>"$work/messages"; then
            fail "$name takes $value for an option"
        elif [ $gcc = true ] && ! grep -q tp__write_options_by_name "$work/messages"; then
            fail "$name does not say what to write instead of $value"
        else
            pass
        fi
    done
done < <(declarations ./*.h | grep -E '_options \*[a-z]+$')
[ $functions -gt 40 ] || fail "only $functions functions have options"

# --- C++ ---

types=$(grep -ho 'TP__DEFAULTS_tp_[a-z_]*_options' ./*.h | sed 's/TP__DEFAULTS_//' | sort -u)
printer() # how a variable with the defaults of TYPE is declared
{
    printf '#include <stdio.h>\n#include <tinypytorch.h>\nint main() {\n'
    for type in $types; do
        echo "{ $1 printf(\"TYPE %u:\", (unsigned)sizeof o);
            for (size_t i = 0; i < sizeof o; i++)
                printf(\" %02x\", ((const unsigned char *)&o)[i]);
            printf(\"\\n\"); }" | sed "s/TYPE/$type/g"
    done
    printf 'return 0; }\n'
}
cxx=${compiler/gcc/g++}
cxx=${cxx/clang/clang++}
if command -v "$cxx" >/dev/null 2>&1; then
    printer 'static const TYPE o = TP_OPTIONS(TYPE);' >"$work/c.c"
    printer 'TYPE o;' >"$work/cxx.cpp"
    "$compiler" -std="$standard" -I"$root/include" "$work/c.c" -o "$work/c"
    "$cxx" -std=c++11 -I"$root/include" "$work/cxx.cpp" -o "$work/cxx"
    "$work/c" >"$work/c.txt"
    "$work/cxx" >"$work/cxx.txt"
    [ "$(wc -l <"$work/c.txt")" -gt 20 ] || fail "defaults of few structs"
    if diff "$work/c.txt" "$work/cxx.txt"; then pass; else fail "defaults differ between C and C++"; fi
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
