#!/usr/bin/env bash
# Installs what is missing, then builds and tests Caravan: all tests in the release build, the unit
# tests under valgrind too, and again under the sanitizers; then what the sources promise about
# themselves (scripts/check-*.sh, formatting, shell scripts). The last line counts.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/common.sh

# The count called $2 ("tests", "failures", "skipped") in the summary that CTest wrote for preset $1.
count_of() { { grep -o -m 1 "\b$2=\"[0-9]*\"" "build/$1/tests.xml" || true; } | tr -dc 0-9; }

# run_ctest PRESET: its tests, counted one by one.
run_ctest() {
    local status=0 tests failures left_out
    say "tests ($1)"
    rm -f "build/$1/tests.xml"
    ctest --preset "$1" || status=$?
    tests=$(count_of "$1" tests) failures=$(count_of "$1" failures) left_out=$(count_of "$1" skipped)
    if [ -z "$tests" ] || { [ "$status" -ne 0 ] && [ "$failures" -eq 0 ]; }; then
        failed=$((failed + 1)) # CTest itself went wrong, or found no test
        return
    fi
    passed=$((passed + tests - failures - left_out))
    failed=$((failed + failures))
    skipped=$((skipped + left_out))
}

scripts/dependencies.sh build test

for preset in release asan; do
    if ! build "$preset"; then
        failed=$((failed + 1))
        finish
    fi
    run_ctest "$preset"
done
check "rooms depend downward, MPI stays in src/cluster" scripts/check-rooms.sh
check "clang-tidy" scripts/check-tidy.sh
check "formatting" scripts/check-format.sh
check "shell scripts" scripts/check-scripts.sh
finish
