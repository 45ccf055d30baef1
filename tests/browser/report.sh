#!/usr/bin/env bash
# The report in a real browser. Skipped where there is none: chromium is too large to be installed for every
# change; .ci/nightly does so.
set -euo pipefail

: "${CARAVAN:?the built program}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/caravan-browser-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export PYTHONDONTWRITEBYTECODE=1
python3 "$(dirname "$0")/report.py" "$CARAVAN" "$scratch"
