#!/usr/bin/env bash
# The report in a real browser. Skipped where there is none: chromium is too large to be installed for every
# change; .ci/nightly does so. By hand: tests/browser/report.sh [--shots DIR] tests the release build, and leaves
# pictures of the pages in DIR.
set -euo pipefail

: "${CARAVAN:=$(dirname "$0")/../../build/release/bin/caravan}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/caravan-browser-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export PYTHONDONTWRITEBYTECODE=1
python3 "$(dirname "$0")/report.py" "$CARAVAN" "$scratch" "$@"
