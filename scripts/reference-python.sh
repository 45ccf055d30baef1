#!/usr/bin/env bash
# Prints the path of a Python that has what the reference scripts need (PyTorch, transformers, ...).
#
# That is $CARAVAN_PYTHON where it is set; else an environment of its own, made here if need be, in
# the cache folder: $CARAVAN_CACHE, by default ~/.cache/caravan. Progress goes to stderr.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
requirements=$here/tests/reference/requirements.txt
cache=${CARAVAN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/caravan}

say() { printf 'reference-python: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}

# missing_modules PYTHON: the names of the modules that it lacks, nothing where all are there.
missing_modules() {
    "$1" - <<'PYTHON'
import importlib.util
names = ["torch", "transformers", "tokenizers", "safetensors", "accelerate", "gguf", "jinja2", "numpy", "h5py"]
print(" ".join(name for name in names if importlib.util.find_spec(name) is None))
PYTHON
}

if [ -n "${CARAVAN_PYTHON:-}" ]; then
    missing=$(missing_modules "$CARAVAN_PYTHON") || fail "CARAVAN_PYTHON ($CARAVAN_PYTHON) does not run"
    [ -z "$missing" ] || fail "CARAVAN_PYTHON ($CARAVAN_PYTHON) lacks: $missing; see $requirements"
    command -v "$CARAVAN_PYTHON"
    exit
fi

# The stamp is written last and holds the requirements: an unfinished or outdated environment is made anew.
environment=$cache/python
if ! cmp -s "$requirements" "$environment/requirements.txt"; then
    say "making $environment (PyTorch is large: a few minutes)"
    mkdir -p "$cache"
    exec 9>"$cache/python.lock"
    flock 9
    if ! cmp -s "$requirements" "$environment/requirements.txt"; then
        rm -rf "$environment"
        python3 -m venv "$environment" >&2 || fail "python3 -m venv failed; on Debian: apt-get install python3-venv"
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
        cp "$requirements" "$environment/requirements.txt"
    fi
fi
echo "$environment/bin/python"
