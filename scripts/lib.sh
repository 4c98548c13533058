# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Shared by scripts/demo and scripts/test: messages, installing what is missing, building.
#
# A need is known by what it gives (a command, a header, a pkg-config file), not by a package's
# name. Only when something is missing is a package manager called, so with everything there the
# scripts work offline and without privileges. Messages go to stderr, one line each; what tools
# print goes to a log, shown when they fail.

export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)

# Before a sanitized program: addresses that are too random upset some versions of sanitizers.
steady="setarch $(uname -m) -R"
$steady true 2>/dev/null || steady="env"

say()
{
    printf '== %s\n' "$*" >&2
}

die()
{
    printf 'error: %s\n' "$*" >&2
    exit 1
}

has()
{
    command -v "$1" >/dev/null 2>&1
}

# --- What there is ---

# compiles COMPILER LANGUAGE [FLAG...]: a program can be compiled, linked and run. A compiler alone
# is not enough: its headers and run-time libraries may be missing.
compiles()
{
    local directory status=0
    directory=$(mktemp -d)
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' >"$directory/a.in"
    { "$1" -x "$2" "${@:3}" "$directory/a.in" -o "$directory/a" && $steady "$directory/a"; } \
        >/dev/null 2>&1 || status=1
    rm -rf "$directory"
    return $status
}

has_pc()
{
    pkg-config --exists "$@" >/dev/null 2>&1
}

has_font()
{
    local directory
    for directory in /usr/share/fonts /usr/local/share/fonts "$HOME/.fonts" \
        "$HOME/.local/share/fonts" /Library/Fonts /System/Library/Fonts; do
        [ -d "$directory" ] || continue
        [ -z "$(find "$directory" -name '*.[to]t[fc]' 2>/dev/null | head -n 1)" ] || return 0
    done
    return 1
}

# --- Installing what is missing ---

package_manager()
{
    local manager
    for manager in apt-get dnf pacman apk brew; do
        has $manager && echo $manager && return
    done
    echo none
}

as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

can_install()
{
    case $manager in
    none) return 1 ;;
    brew) return 0 ;;
    *) [ "$(id -u)" = 0 ] || has sudo ;;
    esac
}

install_packages()
{
    case $manager in
    apt-get) as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@" ;;
    dnf) as_root dnf install -y "$@" ;;
    pacman) as_root pacman -S --needed --noconfirm "$@" ;;
    apk) as_root apk add "$@" ;;
    brew) brew install "$@" ;;
    esac
}

update_package_lists()
{
    case $manager in
    apt-get) as_root apt-get update ;;
    pacman) as_root pacman -Sy ;;
    apk) as_root apk update ;;
    esac
}

# need LEVEL WHAT TEST APT DNF PACMAN APK BREW: unless TEST succeeds, notes what is missing and the
# packages that give it, "" for none. LEVEL is required or optional.
need()
{
    local level=$1 what=$2 test=$3
    shift 3
    eval "$test" >/dev/null 2>&1 && return
    if [ "$level" = required ]; then
        missing_required="$missing_required${missing_required:+, }$what"
    else
        missing_optional="$missing_optional${missing_optional:+, }$what"
    fi
    case $manager in
    apt-get) packages="$packages $1" ;;
    dnf) packages="$packages $2" ;;
    pacman) packages="$packages $3" ;;
    apk) packages="$packages $4" ;;
    brew) packages="$packages $5" ;;
    esac
}

find_missing() # function that lists needs
{
    packages='' missing_required='' missing_optional=''
    "$1"
}

# install_all LOG PACKAGE...: one unknown name fails the whole request; then each package is tried by
# itself.
install_all()
{
    local log=$1 package
    shift
    say "installing with $manager: $*"
    update_package_lists >"$log" 2>&1 || say "the package lists could not be updated"
    install_packages "$@" >>"$log" 2>&1 && return
    for package in "$@"; do
        install_packages "$package" >>"$log" 2>&1 || say "not installed: $package"
    done
}

# install_missing FUNCTION: installs what the needs listed by FUNCTION lack. Ends the script if
# something required is still missing; what is optional is left to be skipped later.
install_missing()
{
    local log
    manager=$(package_manager)
    find_missing "$1"
    if [ -n "${packages// /}" ]; then
        say "missing: $missing_required${missing_required:+${missing_optional:+, }}$missing_optional"
        if can_install; then
            log=$(mktemp)
            # shellcheck disable=SC2086
            install_all "$log" $packages
            hash -r
            find_missing "$1"
            [ -z "$missing_required" ] || tail -n 20 "$log" >&2
            rm -f "$log"
        else
            say "not root and no sudo; root can install with $manager:$packages"
        fi
    fi
    [ -z "$missing_required" ] || die "needed but missing: $missing_required"
    [ -z "$missing_optional" ] || say "going on without: $missing_optional"
}

fashion_mnist=/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz

build_needs()
{
    need required find 'has find' findutils findutils findutils findutils findutils
    # shellcheck disable=SC2016
    need required "a C compiler" 'compiles "${CC:-cc}" c' \
        build-essential 'gcc gcc-c++ make' base-devel build-base ''
    need required cmake 'has cmake' cmake cmake cmake cmake cmake
    need required "make or ninja" 'has ninja || has make' make make make make make
    need optional pkg-config 'has pkg-config' \
        pkg-config pkgconf-pkg-config pkgconf pkgconf pkg-config
    need optional "Graphviz (pictures of graphs)" 'has_pc libgvc libcgraph' \
        libgraphviz-dev graphviz-devel graphviz 'graphviz graphviz-dev' graphviz
    need optional "cairo (plots)" 'has_pc cairo' \
        libcairo2-dev cairo-devel cairo cairo-dev cairo
    need optional "Pango (letters of every script in plots)" 'has_pc pangocairo' \
        libpango1.0-dev pango-devel pango pango-dev pango
    need optional "zlib (compressed files)" 'has_pc zlib' \
        zlib1g-dev zlib-devel zlib zlib-dev zlib
    need optional "OpenBLAS (LAPACK's products)" 'has_pc openblas' \
        libopenblas-dev openblas-devel openblas openblas-dev openblas
    need optional "LAPACKE (factorisations of matrices)" 'has_pc lapacke' \
        liblapacke-dev lapack-devel lapacke lapack-dev lapack
    need optional "a font (letters in pictures)" has_font \
        fonts-dejavu-core dejavu-sans-fonts ttf-dejavu font-dejavu ''
    # shellcheck disable=SC2016
    need optional "Fashion-MNIST (an example)" '[ -e "$fashion_mnist" ]' \
        dataset-fashion-mnist '' '' '' ''
}

# --- Building ---

# logged LOG COMMAND...: runs a command, its output to LOG; when it fails, the end of LOG is shown.
logged()
{
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 && return
    tail -n 40 "$log"
    return 1
}

# configure DIRECTORY CMAKE-ARGUMENT...: a directory that another generator or another copy of the
# sources configured is made afresh.
configure()
{
    local directory=$1 generator=()
    shift
    has ninja && generator=(-G Ninja)
    if [ -f "$directory/CMakeCache.txt" ]; then
        logged "$directory/log/configure" cmake -S "$root" -B "$directory" "$@" >/dev/null &&
            return
        rm -rf "$directory"
    fi
    logged "$directory/log/configure" \
        cmake -S "$root" -B "$directory" ${generator[@]+"${generator[@]}"} "$@"
}

build() # directory, targets (none: all)
{
    local directory=$1 target targets=()
    shift
    for target in "$@"; do
        targets+=(--target "$target")
    done
    logged "$directory/log/build" \
        cmake --build "$directory" --parallel "$jobs" ${targets[@]+"${targets[@]}"}
}
