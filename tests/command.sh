#!/bin/sh
# SPDX-License-Identifier: MIT
#
# command.sh [--update] BUILDDIR
#
# Runs the command tinypytorch as it was built in BUILDDIR and compares what it prints, and its exit
# status, with tests/command/NAME.out. Digits beyond the ninth may differ. --update writes these
# files afresh: look at the difference before it is committed. The last line is 'N passed, N failed'.
set -u
LC_ALL=C
export LC_ALL

update=false
if [ "${1-}" = --update ]; then
    update=true
    shift
fi
if [ $# -ne 1 ] || [ ! -d "$1" ]; then
    echo "usage: $0 [--update] BUILDDIR" >&2
    exit 2
fi
command=$(cd "$1" && pwd)/tools/tinypytorch
wanted=$(cd "$(dirname "$0")" && pwd)/command
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
cd "$work" || exit 2
passed=0
failed=0
undrawn=0

check() # label, command…
{
    check_label=$1
    shift
    if "$@" >/dev/null 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $check_label"
    fi
}

# Numbers with a point to nine digits, and what follows one pushed together: the rest of the layout
# stays.
rounded()
{
    awk '{
        line = $0
        out = ""
        while (match(line, /[0-9]+\.[0-9]*(e[-+]?[0-9]+)?/)) {
            number = substr(line, RSTART, RLENGTH)
            out = out substr(line, 1, RSTART - 1) sprintf("%.9g", number)
            line = substr(line, RSTART + RLENGTH)
            sub(/^ +/, " ", line)
        }
        print out line
    }' "$1"
}

# golden NAME ARGUMENT…: stdout, then stderr, then the status. stdin is the caller's.
golden()
{
    name=$1
    shift
    "$command" "$@" >stdout 2>stderr
    golden_status=$?
    {
        printf '$ tinypytorch'
        for word in "$@"; do
            case $word in
            *[!-A-Za-z0-9_=.:,/]*) printf ' "%s"' "$word" ;;
            *) printf ' %s' "$word" ;;
            esac
        done
        printf '\n'
        cat stdout stderr
        echo "status $golden_status"
    } >"$name.out"
    if $update; then
        cp "$name.out" "$wanted/$name.out"
    fi
    rounded "$name.out" >got
    rounded "$wanted/$name.out" >expected
    check "$name: prints something else: $(diff expected got | head -n 6)" cmp expected got
}

# drawn FILE: the golden command before drew it, or said that it was built without what that needs.
drawn()
{
    if grep -q 'built without' stderr; then
        undrawn=$((undrawn + 1))
        return
    fi
    check "$1: exit status $golden_status" test "$golden_status" -eq 0
    check "$1: not drawn" test -s "$1"
    case $1 in
    *.png) check "$1: not a PNG picture" grep -q PNG "$1" ;;
    *.svg) ! command -v xmllint || check "$1: not SVG" xmllint --nonet --noout "$1" ;;
    esac
}

draw() # FILE ARGUMENT…
{
    file=$1
    shift
    "$command" "$@" -o "$file" >stdout 2>stderr
    golden_status=$?
    drawn "$file" >/dev/null
}

is_json()
{
    if command -v python3 >/dev/null; then
        "$command" "$@" </dev/null | python3 -c 'import json, sys
json.load(sys.stdin, parse_constant=lambda constant: sys.exit(1))'
    fi
}

rosenbrock="100*(x1 - x0^2)^2 + (x0 - 1)^2"
hostile=$(printf '\303\251\314\201\331\240') # letters that editors show oddly

# --- A case for each verb ---
golden eval eval "sin(x)^2" x=1
golden eval-list eval "[v, 2*v]" v=1,pi,-inf
golden eval-json eval --json "v/0" v=-1,0,1
golden eval-csv eval --csv "[[1, 2], [3, nan]]"
printf 'pi/4 +\n  1\n' | golden eval-stdin eval -
golden eval-minus eval -- "-x^2" x=-1
golden eval-derivative eval "d(exp(-v^2), v)" v=0,0.5,1
golden grad grad "$rosenbrock" x0=0 x1=2
golden grad-json grad --json "$rosenbrock" x0=0 x1=2
golden grad-matrix grad --csv "norm(m)" "m=[[1, 2], [3, 4]]"
golden hessian hessian "$rosenbrock" x0=0 x1=2
golden hessian-csv hessian --csv "$rosenbrock" x0=0 x1=2
golden derivatives derivatives --order 9 "tanh(x)" x=1
golden derivatives-list derivatives -n2 "sum(sin(x*[1,2,3,4,5]))" x=0.5
golden derivatives-csv derivatives --csv -n2 -v y "x*y^3" x=2 y=1,2
golden derivatives-json derivatives --json --order=3 "1/x" x=0
golden check check --order 2 "atan2(y, x)" x=1 y=2
golden minimize minimize "$rosenbrock" x0=0 x1=2 --method newton
golden minimize-descent minimize "$rosenbrock" x0=0 x1=2 -m gradient -i 1000 --every 250
golden minimize-json minimize --json "sum((v - [3, 4])^2)" v=0,0
golden minimize-csv minimize --csv "(x - 3)^2" x=0
golden graph graph "x0^2 + x1"
golden graph-taylor graph "tanh(x)" --order 2 --taylor x=0.5
golden plot plot "sin(x)" --x -7:7
golden plot-poles plot "tan(x)" --x -7:7
golden plot-jump plot "where(x < 0, -1, 1)" --x -1:1.1
golden graph-y graph "y^2" y=3
golden eval-signs eval "−x² + 2·√(x) % 2" x=4
golden plot-csv plot "x^2" --x 0:1 --derivatives 1 --points 5 --csv

"$command" check "abs(x)" x=0 >stdout 2>stderr
check "a derivative at a kink: exit status" test $? -eq 1
check "a derivative at a kink: no report" grep -q '^gradcheck: derivative of order 1' stderr
check "a derivative at a kink: no verdict" grep -q 'differences cannot tell$' stdout

draw path.png minimize "$rosenbrock" x0=0 x1=2 --method newton
draw curve.png minimize "x^4 - 2*x^2" x=2 --method newton
draw sin.png plot "sin(x)" --x -7:7 --derivatives 3
draw tanh.svg graph "tanh(x)" --order 3 --colors --values --shapes
draw tanh.html graph "tanh(x)" --order 3
draw tanh.json graph "tanh(x)"

# --- Bad input ---
golden bad-formula eval "100*(x1 - x0^)^2" x0=0 x1=2
printf '1 +\n2 +\n' | golden bad-stdin eval -
printf '1\0002' | golden bad-zero eval -
golden bad-shape eval "x + [1, 2]" x=1,2,3
golden bad-derivatives derivatives "x + [1, 2]" x=1,2,3
golden bad-value eval "x" "x=(1"
golden bad-name eval "x" x=1 y=2
golden bad-twice eval "x" x=1 x=2
golden bad-missing eval "x + y" x=1
golden bad-word eval "x" 1
golden bad-option eval "-x" x=1
golden bad-forms eval 1 --json --csv
golden bad-order derivatives "x" x=1 --order zero
golden bad-argument derivatives "x" x=1 --order
golden bad-variable derivatives "x*y" x=1 y=1
golden bad-size grad "[x, x]" x=1
golden bad-method minimize "x" x=1 -m nelder-mead
golden bad-picture minimize "sum(v^2)" v=1,2,3 -o path.png
golden bad-range plot "x" --x 3:1
golden bad-infinite plot "x" --x -inf:inf
golden bad-given plot "x" x=1
golden bad-unused graph "x*y" --variable x
golden bad-constant eval "x*e" x=1 e=2
golden bad-sign eval "2 ± x" x=1
golden bad-start minimize "log(x)" x=-1
golden bad-verb differentiate "x"
golden bad-file graph "x" -o no-such-directory/x.svg
golden no-verb
golden no-formula eval

# --- Help ---
golden help --help
golden help-plot plot --help
check "--version" "$command" --version

# What --help says of verbs, options and methods, the manual and all completions say too. Each of
# these functions prints words, which are sorted below.
page=$wanted/../../docs/tinypytorch.1
completion=$wanted/../../tools/completion

help_verbs() { "$command" --help | sed -n 's/^  \([a-z]*\)   *[A-Z].*/\1/p'; }
help_options() { "$command" "$1" --help | sed -n 's/^  .\{4\}\(--[a-z]*\).*/\1/p'; }
help_letters() { "$command" "$1" --help | sed -n 's/^  -\(.\), --\([a-z]*\).*/\1:\2/p'; }
help_methods() { "$command" minimize --help | sed -n 's/^ \{27\}\([a-z-]*\).*/\1/p'; }

# The lines of .SH $1 that begin with .BR or .B, with plain hyphens.
page_heads() { awk -v at=".SH $1" '/^\.SH/ { on = $0 == at } on && /^\.BR? /' "$page" | sed 's/\\-/-/g'; }
page_verbs() { page_heads VERBS | sed -n 's/^\.BR \([a-z]*\) .*/\1/p'; }
page_options()
{
    page_heads VERBS | grep "^\.BR $1 " | grep -o -e '--[a-z]*'
    echo "--help"
}
page_letters() { page_heads OPTIONS | sed -n 's/^\.BR -\(.\) ", " --\([a-z]*\).*/\1:\2/p'; }
page_methods() { page_heads OPTIONS | awk '/, / && /bfgs|adam/' | sed 's/^\.BR//; s/"[^"]*"/ /g; s/,/ /g'; }

bash_words() # WORD…: what bash offers after them
{
    bash -c '. "$1" && shift && COMP_WORDS=(tinypytorch "$@" "") && COMP_CWORD=$(($# + 1)) &&
        _tinypytorch && printf "%s\n" "${COMPREPLY[@]}"' bash "$completion/tinypytorch.bash" "$@"
}

zsh_verbs() { sed -n 's/^ *compadd \(.*\) --help --version/\1/p' "$completion/_tinypytorch"; }
# shellcheck disable=SC2016
zsh_options()
{
    awk -v verb="$1" '/^ *[a-z| ]*\)/ { on = index(" " $0, " " verb " ") || index(" " $0, " " verb ")") }
                      on' "$completion/_tinypytorch" | sed 's/\$json/--json --csv/' |
        grep -o -e '--[a-z]*' | sort -u
    echo "--help"
}
zsh_methods() { tr '\n' ' ' <"$completion/_tinypytorch" | sed 's/.*:method:(\([^)]*\)).*/\1/'; }

fish_verbs() { sed -n 's/^set -l verbs //p' "$completion/tinypytorch.fish"; }
fish_lines() { grep -E "^__tinypytorch_option ('[a-z ]*)?\b$1\b[a-z ]*'? -" "$completion/tinypytorch.fish"; }
fish_options()
{
    fish_lines "$1" | sed 's/.* -l \([a-z]*\).*/--\1/'
    echo "--help"
}
fish_letters()
{
    fish_lines "$1" | sed -n 's/.* -s \(.\) -l \([a-z]*\).*/\1:\2/p'
    echo "h:help"
}
fish_methods() { tr '\n' ' ' <"$completion/tinypytorch.fish" | sed "s/.* minimise' -a '\([^']*\)'.*/\1/"; }

# agree LABEL FUNCTION ARGUMENT…: it prints the words in $expected, in any order.
agree()
{
    agree_label=$1
    shift
    found=$("$@" | tr -s ' ' '\n' | grep . | sort | tr '\n' ' ')
    check "$agree_label: $found, --help has $expected" test "$found" = "$expected"
}

sorted() { tr -s ' ' '\n' | sort | tr '\n' ' '; }

verbs=$(help_verbs)
expected=$(echo "$verbs" | sorted)
check "no verbs in --help" test -n "$verbs"
agree "verbs of the manual" page_verbs
agree "verbs in zsh" zsh_verbs
agree "verbs in fish" fish_verbs
letters=''
for verb in $verbs; do
    check "$verb --help" "$command" "$verb" --help
    expected=$(help_options "$verb" | sorted)
    agree "$verb's options in the manual" page_options "$verb"
    agree "$verb's options in zsh" zsh_options "$verb"
    agree "$verb's options in fish" fish_options "$verb"
    ! command -v bash >/dev/null || agree "$verb's options in bash" bash_words "$verb"
    expected=$(help_letters "$verb" | sorted)
    agree "$verb's letters in fish" fish_letters "$verb"
    letters="$letters $(help_letters "$verb")"
done
expected=$(echo "$letters" | tr -s ' ' '\n' | grep . | sort -u | sorted)
agree "letters of the manual" page_letters
expected=$(help_methods | sorted)
agree "methods of the manual" page_methods
agree "methods in zsh" zsh_methods
agree "methods in fish" fish_methods
if command -v bash >/dev/null; then
    agree "methods in bash" bash_words minimize --method
    expected=$(echo "$verbs --help --version" | tr '\n' ' ' | sorted)
    agree "verbs in bash" bash_words
fi

# --- Whatever variables are called ---
check "a hostile name: no JSON" is_json grad --json "$hostile^2" "$hostile=3"
check "a hostile name: no JSON of a path" is_json minimize --json "($hostile - 1)^2" "$hostile=3"
draw hostile.svg graph "$hostile^2"
# shellcheck disable=SC2016
check "a name that is no UTF-8: exit status" sh -c '"$1" eval "$2" "$2=1"; [ $? = 2 ]' \
    sh "$command" "$(printf 'x\377')"
# shellcheck disable=SC2016
check "what cannot be written: no error" sh -c '! "$1" eval 1 >/dev/full || [ ! -e /dev/full ]' \
    sh "$command"

[ $undrawn -eq 0 ] || echo "$undrawn pictures not drawn: the library was built without what they need"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
