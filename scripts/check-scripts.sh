#!/usr/bin/env bash
# All shell scripts pass shellcheck: what ends in .sh, and what begins with a shell's "#!".
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t scripts < <(
    find . \( -path ./build -o -path ./.git \) -prune -o -type f -name '*.sh' -print
    find .ci scripts slurm tests -type f ! -name '*.*' -exec grep -lE '^#!.*\b(ba)?sh\b' {} + 2>/dev/null)
shellcheck -x "${scripts[@]}"
