#!/usr/bin/env bash
# The whole program on a real model: SmolLM2-135M-Instruct, 30 x 9 heads, 20 harmful questions in the
# paper's template, two ranks. Checked against PyTorch: logits on a few texts, Ships of every head on
# four of the prompts; and that two ranks share the model's pages.
#
# The model and a Python with PyTorch are fetched once, into the cache folder (scripts/fetch-smollm2.sh).
# Which questions: see common.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/real/common.sh

model=$(scripts/fetch-smollm2.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# job NAME LIMIT: a job file on the first LIMIT prompts, with its results in a folder of that name.
job() {
    cat >"$work/$1.json" <<JSON
{"name": "$1",
 "models": [{"name": "smollm2", "path": "$model"}],
 "prompts": {"harmful": {"file": "$prompts", "limit": $2}},
 "format": {"kind": "query_answer"},
 "output": "$1"}
JSON
}

export OMP_NUM_THREADS=1

job sweep 20
check "a sweep of 270 heads x 20 prompts on two ranks" run_on_two_ranks "$work/sweep.json"
scores=$work/sweep/smollm2/uniform_attention/scores.h5
check "scores are complete, finite and not negative" "$python" tests/real/check_scores.py "$scores" 30 9 20

check "Ships of all heads by plain PyTorch, four prompts" \
    "$python" tests/reference/ships_reference.py --prompt-numbers 0-3 "$model" "$scores" "$work/reference.json"
check "Ships equal those of PyTorch, and so do the top ten" \
    "$python" tests/reference/compare_ships.py "$scores" "$work/reference.json"
check "logits equal those of transformers" "$python" tests/real/logits.py "$caravan" "$model"

job memory 4
check "two ranks share the model's pages" "$python" tests/real/memory.py "$caravan" "$work/memory.json"

finish
