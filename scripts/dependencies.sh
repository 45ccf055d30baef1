#!/usr/bin/env bash
# Sees to it that the packages are there which Caravan needs: "dependencies.sh build" to build and
# run it, "dependencies.sh build test" to test it too, "dependencies.sh mpich" to build with
# MPICH, "dependencies.sh slurm" to try it under Slurm, "dependencies.sh browser" to look at its pages.
#
# On Debian and Ubuntu missing packages are installed without a question if that can be done (root,
# or sudo without password); else the one command to run is printed and the exit code is 2. Elsewhere
# the list of libraries is printed, and CMake finds out whether they are there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

# What a group needs, one word each: a package, or COMMAND:PACKAGE for a tool, which may have come
# another way than as a package.
needs() {
    case "$1" in
    build)
        echo cc:gcc libc6-dev cmake:cmake ninja:ninja-build pkg-config:pkg-config \
            libopenmpi-dev openmpi-bin libopenblas-openmp-dev libhdf5-dev \
            libjansson-dev libpcre2-dev libutf8proc-dev libssl-dev zlib1g-dev
        ;;
    test)
        echo check valgrind:valgrind libc6-dbg shellcheck:shellcheck clang-format:clang-format \
            clang-tidy:clang-tidy h5dump:hdf5-tools git:git python3:python3 python3-venv
        ;;
    mpich)
        echo mpicc.mpich:libmpich-dev mpiexec.mpich:mpich
        ;;
    browser)
        echo chromium:chromium python3:python3
        ;;
    slurm)
        echo slurmctld:slurm-wlm munged:munge python3:python3
        ;;
    *)
        complain "usage: scripts/dependencies.sh build|test|mpich|slurm|browser ..."
        exit 2
        ;;
    esac
}

installed() {
    case "$1" in
    *:*) command -v "${1%%:*}" >/dev/null ;;
    *) [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
    esac
}

# Sets missing to the packages among these words that are not installed.
find_missing() {
    local word
    missing=()
    for word in "$@"; do
        installed "$word" || missing+=("${word#*:}")
    done
}

install_missing() {
    local install=(apt-get install -y --no-install-recommends "${missing[@]}") as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            complain "These packages are missing, and installing them needs root. Run this, then try again:"
            echo "    sudo sh -c 'apt-get update && ${install[*]}'" >&2
            exit 2
        fi
        as_root=(sudo -n)
    fi
    say "installing what is missing: ${missing[*]}"
    local environment=(env DEBIAN_FRONTEND=noninteractive)
    # Another apt may be at work, as on a machine that has just started: wait for it.
    local wait=(-o DPkg::Lock::Timeout=300)
    quiet apt-update "${as_root[@]}" "${environment[@]}" apt-get "${wait[@]}" update
    quiet apt-install "${as_root[@]}" "${environment[@]}" "${install[@]}" "${wait[@]}"
}

# Presets need a recent CMake, which older releases of the distributions do not have.
check_cmake() {
    local version
    version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
    if [ "$(printf '%s\n' 3.25 "$version" | sort -V | head -n 1)" != 3.25 ]; then
        complain "CMake $version is too old; Caravan needs 3.25 or newer. A newer one: pip install cmake"
        exit 2
    fi
}

words=()
for group in "${@:-build}"; do
    words_of_group=$(needs "$group")
    read -ra more <<<"$words_of_group"
    words+=("${more[@]}")
done

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    find_missing "${words[@]}"
    if [ "${#missing[@]}" -gt 0 ]; then install_missing; fi
else
    say "this is not Debian or Ubuntu; Caravan needs, as packages or modules with their headers:"
    echo "    a C compiler (GCC 11 or newer), CMake 3.25 or newer, Ninja, pkg-config, Open MPI 4.1 or newer,"
    echo "    OpenBLAS built with OpenMP, HDF5 (serial), jansson, PCRE2, utf8proc, OpenSSL's libcrypto, zlib;"
    echo "    for the tests also Check, valgrind, shellcheck, clang-format, clang-tidy, h5dump, Git, Python 3"
fi
check_cmake
