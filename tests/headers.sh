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

# For each line number|operand|last|declaration a C function of the declaration's parameters, minus
# the options at their end, that calls the function with OPERAND, unless empty, for each operand, and
# with LAST, unless empty, as one more argument. Messages about it begin with call:number.
callers()
{
    awk -F'|' '{
        n = split($6, parameter, ", ")
        if ($6 ~ /_options \*/)
            n--
        list = arguments = unused = ""
        for (i = 1; i <= n; i++) {
            name = parameter[i]
            sub(/^.*[ *]/, "", name)
            list = list (i > 1 ? ", " : "") parameter[i]
            number = $2 != "" && parameter[i] ~ /^tp_var \*[a-z_]+$/
            arguments = arguments (i > 1 ? ", " : "") (number ? $2 : name)
            unused = unused " (void)" name ";"
        }
        if ($3 != "")
            arguments = arguments (n ? ", " : "") $3
        head = "void call_" $1 "(" (n ? list : "void") ")"
        print "#line " $1 " \"call\""
        print head "; " head " {" unused " (void)" $4 "(" arguments "); }"
    }' | sed 's/(void)\(tp_[a-z_0-9]*\)(\(.*\)); }$/\1(\2); }/'
}

# each DECLARATIONS VALUE…: every declaration with every value, as lines number|value|declaration.
each()
{
    local declarations=$1
    shift
    awk -v values="$*" 'BEGIN { n = split(values, value, " ") }
        { for (i = 1; i <= n; i++) print ++number "|" value[i] "|" $0 }' "$declarations"
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

declarations elementwise.h reduce.h shape.h linalg.h conv.h network.h sequence.h functional.h random.h |
    grep -E 'tp_var \*[a-z_]+(,|$)' | grep -vE '\(\*' >"$work/with_operands"
each "$work/with_operands" 2 2.5f true "'a'" 7ul bits.three bits.many |
    sed 's/|/||/2' >"$work/calls"
{ echo "$include" && callers <"$work/calls"; } >"$work/numbers.c"
n=$(wc -l <"$work/calls")
[ "$n" -gt 1000 ] || fail "only $n calls with numbers"
if compile "$work/numbers.c"; then pass; else fail "numbers as operands" && head -n 20 "$work/messages"; fi

# --- Options ---

declarations ./*.h | grep -E '_options \*[a-z]+$' >"$work/with_options"
n=$(wc -l <"$work/with_options")
[ "$n" -gt 40 ] || fail "only $n functions have options"
{ echo "$include" && awk '{ print NR "|||" $0 }' "$work/with_options" | callers; } >"$work/call.c"
if compile "$work/call.c"; then pass; else fail "calls without options" && head -n 20 "$work/messages"; fi

each "$work/with_options" 1 0 true NULL 0.5 | sed 's/|/||/' >"$work/calls"
{ echo "$include" && callers <"$work/calls"; } >"$work/call.c"
if [ $gcc = true ]; then every=-fmax-errors=0; else every=-ferror-limit=0; fi
# shellcheck disable=SC2086
if "$compiler" $flags $every "$work/call.c" 2>"$work/messages"; then fail "values for options compile"; fi
sed -n 's/^call:\([0-9]*\):.* error: .*/\1/p' "$work/messages" | sort -u >"$work/refused"
sed -n 's/^call:\([0-9]*\):.*tp__write_options_by_name.*/\1/p' "$work/messages" | sort -u >"$work/helped"
while IFS='|' read -r number _ value name _; do
    if ! grep -qx "$number" "$work/refused"; then
        fail "$name takes $value for an option"
    elif [ $gcc = true ] && ! grep -qx "$number" "$work/helped"; then
        fail "$name does not say what to write instead of $value"
    else
        pass
    fi
done <"$work/calls"

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
