#!/bin/sh
# SPDX-License-Identifier: MIT
#
# examples.sh BUILDDIR
#
# Runs every program of examples/ as it was built in BUILDDIR (or BUILDDIR/examples), each in a
# fresh directory, and holds what it prints and leaves to the figures of the walkthrough. One line
# for each check that fails; the last line is 'N passed, N failed'. A picture that the program
# says it cannot draw, for want of Graphviz or cairo, is counted apart.
set -u
LC_ALL=C
export LC_ALL

if [ $# -ne 1 ] || [ ! -d "$1" ]; then
    echo "usage: $0 BUILDDIR" >&2
    exit 2
fi
build=$(cd "$1" && pwd)
sources=$(cd "$(dirname "$0")/../examples" && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
passed=0
failed=0
undrawn=0

# check LABEL COMMAND…: the command succeeds.
check()
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

program()
{
    for program_path in "$build/examples/$1" "$build/$1" "$build/examples/$1.exe"; do
        if [ -f "$program_path" ] && [ -x "$program_path" ]; then
            echo "$program_path"
            return
        fi
    done
    echo "$build/examples/$1"
}

# run NAME DIRECTORY [ARGUMENT…]: leaves stdout, stderr and status there.
run()
{
    run_name=$1
    run_in=$2
    shift 2
    mkdir -p "$run_in"
    (cd "$run_in" && "$(program "$run_name")" "$@" >stdout 2>stderr)
    echo $? >"$run_in/status"
    set -- "$run_name" "$run_in"
    check "$1: exit status $(cat "$2/status")" test "$(cat "$2/status")" -eq 0
    if [ -s "$2/stderr" ]; then
        check "$1: says on stderr: $(head -n 1 "$2/stderr")" false
    fi
}

# prints NAME LINE: this line, exactly.
prints()
{
    check "$1: no line '$2'" grep -qxF -e "$2" "$work/$1/stdout"
}

# numbers NAME TOLERANCE LABEL WANTED…: the numbers that follow the label on its line. The
# tolerance is relative to max(1, |wanted|); 0 asks for the same bits.
numbers()
{
    numbers_name=$1 numbers_tolerance=$2 numbers_label=$3
    shift 3
    numbers_file=$work/$numbers_name/stdout
    # shellcheck disable=SC2016
    check "$numbers_name: '$numbers_label' is not $* but$(
        awk -v label="$numbers_label" 'p = index($0, label) {
            print substr($0, p + length(label)); exit }' "$numbers_file"
    )" awk -v label="$numbers_label" -v wanted="$*" -v tolerance="$numbers_tolerance" '
        !found && (p = index($0, label)) {
            found = 1
            rest = substr($0, p + length(label))
            gsub(/[][,;]/, " ", rest)
            n = split(rest, word, " ")
            for (i = 1; i <= n; i++)
                if (word[i] ~ /^[-+]?[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?$/)
                    got[++n_got] = word[i] + 0
            n_want = split(wanted, want, " ")
            good = n_got >= n_want
            for (i = 1; i <= n_want; i++) {
                w = want[i] + 0
                d = got[i] - w
                size = w < 0 ? -w : w
                if ((d < 0 ? -d : d) > tolerance * (size > 1 ? size : 1))
                    good = 0
            }
        }
        END { exit !(found && good) }' "$numbers_file"
}

# lines FILE PATTERN COUNT: this many lines hold the pattern.
lines()
{
    lines_count=$(grep -c -e "$2" "$work/$1" 2>/dev/null)
    check "$1: ${lines_count:-no} lines with '$2', not $3" test "${lines_count:-none}" = "$3"
}

bytes()
{
    od -An -v -tx1 | tr -d ' \n'
}

is_png()
{
    [ "$(head -c 8 "$1" | bytes)" = 89504e470d0a1a0a ] &&
        [ "$(tail -c 8 "$1" | bytes)" = 49454e44ae426082 ]
}

is_svg()
{
    grep -q '<svg' "$1" && grep -q '</svg>' "$1" || return 1
    ! command -v xmllint >/dev/null || xmllint --nonet --noout "$1"
}

# picture NAME FILE: is there and is what its extension says, or is said not to be drawn.
picture()
{
    if grep -q "^$2 was not drawn: ." "$work/$1/stdout"; then
        undrawn=$((undrawn + 1))
        check "$1: $2 is there though it was not drawn" test ! -e "$work/$1/$2"
        return
    fi
    check "$1: no $2" test -s "$work/$1/$2"
    case $2 in
    *.png) check "$1: $2 is not a PNG picture" is_png "$work/$1/$2" ;;
    *.svg) check "$1: $2 is not an SVG picture" is_svg "$work/$1/$2" ;;
    esac
}

# dot_text NAME FILE NODES [EDGES]: a graph of this size, and the same text in the second run.
dot_text()
{
    lines "$1/$2" ' \[label="' "$3"
    [ -z "${4-}" ] || lines "$1/$2" ' -> ' "$4"
    check "$1: $2 does not start with 'digraph g {'" \
        test "$(head -n 1 "$work/$1/$2")" = "digraph g {"
    check "$1: $2 does not end with '}'" test "$(tail -n 1 "$work/$1/$2")" = "}"
    check "$1: $2 differs between two runs" cmp "$work/$1/$2" "$work/again/$1/$2"
    if command -v dot >/dev/null; then
        check "$1: Graphviz does not read $2" dot -Tcanon -o "$work/canon" "$work/$1/$2"
    fi
}

has_images()
{
    test -e /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
}

for source in "$sources"/*.c; do
    name=$(basename "$source" .c)
    check "$name: not built" test -x "$(program "$name")"
    check "$name: 100 lines or more" test "$(wc -l <"$source")" -lt 100
    case $name in
    fashion_mnist) ! has_images || run "$name" "$work/$name" mlp 1 ;;
    *) run "$name" "$work/$name" ;;
    esac
done
for name in add_graph goldstein taylor_sin; do
    run "$name" "$work/again/$name"
    check "$name: prints something else in a second run" \
        cmp "$work/$name/stdout" "$work/again/$name/stdout"
done

# --- the graph as text ---
dot_text add_graph sample.dot 4 3
grep -v '^//' "$work/add_graph/stdout" >"$work/printed.dot"
check "add_graph: prints another text than sample.dot" \
    cmp "$work/printed.dot" "$work/add_graph/sample.dot"
for name in x0 x1; do
    lines add_graph/sample.dot " \\[label=\"$name\", color=orange, style=filled\\]\$" 1
done
lines add_graph/sample.dot ' \[label="Add", color=lightblue, style=filled, shape=box\]$' 1

# One epoch; a guess is right in 10 % of cases.
! has_images || check "fashion_mnist: less than 80 % right" awk '
    / accuracy / { good = $6 + 0 > 80 } END { exit !good }' "$work/fashion_mnist/stdout"

# A net of sin x, and what its training leaves.
numbers train_sine 0 "epochs" 100
lines train_sine/stdout "R2 above 0.999: yes" 1
for row in "-1.50 -0.9975" "-0.75 -0.6816" " 0.00 0" " 0.75 0.6816" " 1.50 0.9975"; do
    numbers train_sine 2e-2 "x ${row% *}  network" "${row##* }"
done
lines train_sine/sine.csv "^epoch," 100
check "train_sine: no checkpoint" test -s "$work/train_sine/sine.safetensors"
check "train_sine: no report" grep -q '</html>' "$work/train_sine/sine.html"

# The solution is sin x; a net of this size comes within 2e-3 of it.
numbers physics 2e-3 "largest error:" 0

check "sparse_hessian: not 3 n - 2 entries in 3 colors" \
    grep -q '^200000 variables, 599998 entries, 3 colors$' "$work/sparse_hessian/stdout"
check "sparse_hessian: six steps do not bring f below 1e-4" awk '
    /^step 6:/ { good = $4 + 0 < 1e-4 } END { exit !good }' "$work/sparse_hessian/stdout"

numbers goldstein 1e-13 "goldstein(1, 1):" 1876 -5376 8064
numbers goldstein 1e-13 "goldstein(0, -1):" 3 0 0
dot_text goldstein goldstein.dot 95 108
lines goldstein/goldstein.dot 'label="Add"' 10
lines goldstein/goldstein.dot 'label="Mul"' 17
lines goldstein/goldstein.dot 'label="Pow"' 6
lines goldstein/goldstein.dot 'label="Sub"' 5
for name in x y z; do
    lines goldstein/goldstein.dot "label=\"$name\"" 1
done
picture goldstein goldstein.png

# --- a minimum ---
# SciPy's L-BFGS-B, SLSQP and trust-constr agree on the cost.
check "cart_pole: six methods do not find 6.350527 within 150 iterations" awk '
    / cost / { found += $0 ~ / cost 6\.350527,.*; converged/; for (i = 2; i <= NF; i++)
        if ($i == "iterations," && $(i - 1) <= 150) soon++ }
    END { exit !(found == 6 && soon == 6) }' "$work/cart_pole/stdout"
lines rosenbrock/stdout '^iter [0-9]*: x0 = [-0-9.]*, x1 = [-0-9.]*$' 1000
prints rosenbrock "iter 0: x0 = 0.002000, x1 = 1.600000"
prints rosenbrock "iter 99: x0 = 0.234530, x1 = 0.052078"
prints rosenbrock "iter 992: x0 = 0.682166, x1 = 0.463833"
prints rosenbrock "iter 999: x0 = 0.683712, x1 = 0.465953"
numbers rosenbrock 0 "after 1000 updates:" 0.6837118569138317 0.4659526837427042
numbers rosenbrock 0 "after 10000 updates:" 0.9944984367782456 0.9890050527419593
numbers rosenbrock 0 "after 50000 updates:" 0.9999999993724021 0.999999998742293
for name in rosenbrock rosenbrock_10000 rosenbrock_50000; do
    picture rosenbrock "$name.png"
done

# --- Newton ---
numbers newton 0 "at 2:" 24 44
i=0
for x in 1.4545454545454546 1.1510467893775467 1.0253259289766978 1.0009084519430513 \
    1.0000012353089454 1.000000000002289 1.0; do
    numbers newton 0 "iter $i:" $x
    i=$((i + 1))
done
prints newton "steps to within 1e-3 of the minimum: Newton 4, gradient descent 70"

numbers newton2d 1e-13 "at (0, 2):" 401 -2 400 -798 0 0 200
# shellcheck disable=SC2016
check "newton2d: f is not below 1e-25 after 5 steps" awk '
    /^step 5:/ { f = $NF; good = f ~ /^[0-9.]+(e[-+]?[0-9]+)?$/ && f + 0 < 1e-25 }
    END { exit !good }' "$work/newton2d/stdout"
numbers newton2d 1e-13 "Hessian there:" 802 -400 -400 200

# --- any order ---
prints taylor_sin "wrote taylor_sin.dot"
numbers taylor_sin 0 "threshold 0.0001:" 4 0.7071064695751781 0.7071032148228457 30
numbers taylor_sin 0 "threshold 1e-150:" 47
check "taylor_sin: threshold 1e-150 does not give 331 nodes" \
    grep -q '^threshold 1e-150: .* graph 331 nodes$' "$work/taylor_sin/stdout"
dot_text taylor_sin taylor_sin.dot 30
dot_text taylor_sin taylor_sin_150.dot 331

picture sin_derivatives sin.png
check "plots: the loss does not fall below 0.1" awk '
    /^loss/ { good = $2 > 1 && $4 < 0.1 && NF == 5 } END { exit !good }' "$work/plots/stdout"
picture plots training.png
picture plots weights.png
picture plots units.png
picture plots patterns.png

n=0
for value in 0.41997434161402607 -0.6397000084492245 0.6216266807712963 0.6650910447505017 \
    -5.55689355847372 13.624075441312104 12.288367894320364 -277.062135603031 \
    1183.4218675111372 366.41479668582724 -39870.110111755236 262013.36984267976; do
    n=$((n + 1))
    [ $n -gt 8 ] || numbers tanh_derivatives 1e-12 "order $n nested:" "$value"
    numbers tanh_derivatives 1e-12 "order $n Taylor:" "$value"
done
for n in 1 2 3 4 5; do
    picture tanh_derivatives tanh_$n.png
done
for n in 6 7 8; do
    picture tanh_derivatives tanh_$n.svg
    for name in x y gx$n; do
        [ ! -e "$work/tanh_derivatives/tanh_$n.svg" ] ||
            lines tanh_derivatives/tanh_$n.svg ">$name</text>" 1
    done
done

# --- graphs in many ways ---
prints draw_orders "50 nodes, summarised 19, read back 50"
prints draw_orders "y: () float64 = 9.14112 ← Add"
for name in orders scopes summary; do
    picture draw_orders $name.svg
done
for name in "forward" "first backward" "second backward"; do
    check "draw_orders: no group '$name'" grep -q ">$name</text>" "$work/draw_orders/orders.svg"
done
check "draw_orders: page.html is not whole" grep -q '</html>' "$work/draw_orders/page.html"
check "draw_orders: graph.json has no result" grep -q '"result": ' "$work/draw_orders/graph.json"

# --- derivatives in formulas ---
numbers double_backprop 0 "dz/dx =" 100
numbers gradient_penalty 1e-13 "penalty:" 0.038817449134907894
numbers gradient_penalty 1e-13 "gradient of the penalty for W:" \
    -0.020270729550514163 0.040541459101028327 -0.015890494847218162
numbers hvp 1e-13 "f:" 446.2
numbers hvp 1e-13 "Hv, reverse over reverse:" 2290 3284 -1522 315 660
numbers hvp 1e-13 "Hv, forward over reverse:" 2290 3284 -1522 315 660
numbers custom_function 0 "y' =" 24
numbers custom_function 0 "y'' =" 44
numbers custom_function 0 "careless, first order: y' =" 24
check "custom_function: no error that names CarelessWell" \
    grep -q '^careless, recorded: .*CarelessWell' "$work/custom_function/stdout"

[ $undrawn -eq 0 ] || echo "$undrawn pictures not drawn: the library was built without what they need"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
