#!/usr/bin/env bash
# Prints the path of a Python that has the Language Model Evaluation Harness (tests/real/harness.sh).
#
# It is an environment in the cache folder ($CARAVAN_CACHE, by default ~/.cache/caravan), made here if need
# be on top of that of the reference scripts (reference-python.sh), so that PyTorch is there once. The
# harness has many packages behind it, which the other scripts do without. Progress goes to stderr.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
requirements=$here/tests/real/harness-requirements.txt
environment=${CARAVAN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/caravan}/harness

# site_packages PYTHON
site_packages() { "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

# The stamp is written last and holds the requirements: an unfinished or outdated environment is made anew.
reference=$("$here/scripts/reference-python.sh")
if ! cmp -s "$requirements" "$environment/requirements.txt"; then
    printf 'harness-python: making %s\n' "$environment" >&2
    rm -rf "$environment"
    "$reference" -m venv "$environment" >&2
    site_packages "$reference" >"$(site_packages "$environment/bin/python")/reference.pth"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
    cp "$requirements" "$environment/requirements.txt"
fi
echo "$environment/bin/python"
