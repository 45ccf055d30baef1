#!/usr/bin/env bash
# All C sources are as clang-format lays them out by .clang-format. Versions differ in details, so
# only the one that the project uses (Debian 12's) decides; with another the check is skipped.
# To format: clang-format -i FILE.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(clang-format --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
if [ "$version" != 14 ]; then
    echo "skipped: clang-format is version $version, and the sources are laid out by 14"
    exit 77
fi
find src include tests -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror
