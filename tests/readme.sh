#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: tests/readme.sh BUILDDIR [HEADERS]
# Compiles the first C block of README.md against the static library in BUILDDIR, with the headers in
# HEADERS (include if not given), runs it and compares its output with the text block that follows.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

block() # language
{
    awk -v open="\`\`\`$1" '$0 == "```" && on { exit } on { print } $0 == open { on = 1 }' \
        "$root/README.md"
}

block c >"$work/readme.c"
block text >"$work/expected"
[ -s "$work/readme.c" ] && [ -s "$work/expected" ]
lines=$(wc -l <"$work/readme.c")
[ "$lines" -le 33 ] || { echo "README.md: the example has $lines lines" && exit 1; }

libraries=
for package in libgvc libcgraph cairo zlib openblas lapacke; do
    libraries="$libraries $(pkg-config --libs "$package" 2>/dev/null || true)"
done
# shellcheck disable=SC2086
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror -I"${2:-$root/include}" "$work/readme.c" -o "$work/readme" \
    "$build/libtinypytorch.a" $libraries -lm -lpthread
(cd "$work" && ./readme >output)
diff "$work/expected" "$work/output"
