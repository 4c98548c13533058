#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# install.sh [RELEASE-BUILD]
#
# Installs the library and builds an example against what was installed, outside the tree, as users
# do: by pkg-config and by CMake, shared and static. Every path has a space in it. The release build
# (build/release if not given) is installed as it is; a static library alone, with no optional part,
# is built by make from a copy of the sources; and Ninja Multi-Config, where there is ninja, builds
# once more. Every generated file is in a temporary directory.
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
release=${1:-$root/build/release}
example=$root/examples/add_graph.c
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
work="$temporary/a path"
mkdir "$work"

fail()
{
    echo "failed: $*"
    exit 1
}

has()
{
    command -v "$1" >/dev/null 2>&1
}

# runs PROGRAM: it prints a graph.
runs()
{
    (cd "$work" && "$1" | grep -q 'digraph g {') || fail "$1 does not print a graph"
    echo "ok: ${1#"$work/"}"
}

# by_pkg_config PREFIX NAME [LIBRARY]: with one line, without --static. pkg-config escapes spaces for
# a shell; versions below 1 do not in the path of a .pc file, so they get one without.
by_pkg_config()
{
    local prefix=$1 libdir program=$work/$2
    if ! has pkg-config; then
        echo "pkg-config is not installed: not tried"
        return
    fi
    case $(pkg-config --version) in
    0.*) prefix=$temporary/$2 && ln -s "$1" "$prefix" ;;
    esac
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix/" -name tinypytorch.pc)")
    export PKG_CONFIG_PATH
    eval "libdir=$(pkg-config --variable=libdir tinypytorch)"
    [ -e "$libdir/libtinypytorch.a" ] || fail "libdir is $libdir"
    eval "cc -std=c11 \"\$example\" ${3:+\"\$libdir/$3\"} -o \"\$program\" \
        $(pkg-config --cflags --libs tinypytorch) -Wl,-rpath,\"\$libdir\""
    runs "$program"
}

# by_cmake PREFIX NAME TARGET [CMAKE-ARGUMENT...]
by_cmake()
{
    local project=$work/$2
    mkdir "$project"
    cp "$example" "$project/main.c"
    cat >"$project/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.16)
project(user C)
find_package(tinypytorch 0.1 REQUIRED)
add_executable(main main.c)
target_link_libraries(main PRIVATE $3)
END
    cmake -S "$project" -B "$project/build" -DCMAKE_PREFIX_PATH="$1" "${@:4}"
    cmake --build "$project/build"
    runs "$project/build/main"
}

not_shared() # program
{
    has ldd || return 0
    ! ldd "$1" | grep tinypytorch || fail "$1 needs the shared library"
}

# runs_command PREFIX: the command runs, alone; its manual and completions are there.
runs_command()
{
    local command=$1/bin/tinypytorch
    [ "$("$command" eval "x + 1" x=1)" = 2.0 ] || fail "$command does not run"
    not_shared "$command"
    [ -s "$1/share/man/man1/tinypytorch.1" ] || fail "no manual"
    [ "$(find "$1/share" -name '*tinypytorch*' -type f | wc -l)" = 4 ] || fail "no completions"
    echo "ok: ${command#"$work/"}"
}

cmake --install "$release" --prefix "$work/both"
by_pkg_config "$work/both" pkg-shared
by_pkg_config "$work/both" pkg-archive libtinypytorch.a
by_cmake "$work/both" cmake-shared tinypytorch::tinypytorch
by_cmake "$work/both" cmake-static tinypytorch::static
not_shared "$work/cmake-static/build/main"
runs_command "$work/both"

mkdir "$work/sources"
cp -R "$root/CMakeLists.txt" "$root/cmake" "$root/docs" "$root/include" "$root/src" "$root/tools" \
    "$work/sources"
parts=(-DTP_BUILD_EXAMPLES=OFF -DTP_BUILD_TESTS=OFF -DTP_WITH_GRAPHVIZ=OFF -DTP_WITH_CAIRO=OFF
    -DCMAKE_C_FLAGS_RELEASE=-O0)

if has make; then
    cmake -S "$work/sources" -B "$work/make" -G "Unix Makefiles" "${parts[@]}" \
        -DBUILD_SHARED_LIBS=OFF -DCMAKE_INSTALL_PREFIX="$work/static"
    cmake --build "$work/make" --parallel 2
    cmake --install "$work/make"
    mv "$work/static" "$work/moved"
    [ -z "$(find "$work/moved" -name '*.so*' -o -name '*.dylib')" ] || fail "a shared library"
    by_pkg_config "$work/moved" pkg-static-only
    not_shared "$work/pkg-static-only"
    runs_command "$work/moved"
    by_cmake "$work/moved" cmake-static-only tinypytorch::tinypytorch -G "Unix Makefiles"
fi

if has ninja; then
    cmake -S "$work/sources" -B "$work/multi" -G "Ninja Multi-Config" "${parts[@]}"
    cmake --build "$work/multi" --config Release
    cmake --install "$work/multi" --config Release --prefix "$work/multi-prefix"
    by_cmake "$work/multi-prefix" cmake-multi tinypytorch::tinypytorch -G Ninja
fi
