#!/usr/bin/env bash
# The sources of src/ (or the files named) pass clang-tidy with the checks of .clang-tidy. Only Debian
# 12's version decides, as others have other checks. Takes the compiler's flags from the build folder of
# the release preset, which must be there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

version=$(clang-tidy --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p' | head -n 1)
if [ "$version" != 14 ]; then
    echo "skipped: clang-tidy is version $version, and the checks are those of 14"
    exit 77
fi
if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(find src -name '*.c' | sort); fi
# omp.h comes with GCC, and uses an attribute in a way that clang 14 does not know. Warnings in other
# libraries' headers are counted on stderr, which nobody wants to know.
gcc_headers=(--extra-arg=-idirafter"$(gcc -print-file-name=include)" '--extra-arg=-D__malloc__(...)=')
printf '%s\0' "${files[@]}" | xargs -0 -n 4 -P "$(cores)" \
    clang-tidy -p build/release --quiet "${gcc_headers[@]}" 2> >(grep -v " warnings\? .*generated" >&2 || true)
