#!/usr/bin/env bash
# Angles and Sahara against plain PyTorch (tests/reference/sahara_reference.py), two ranks.
#
#   tests/real/sahara.sh          two demo models: 3 steps, all 40 prompts, which is full size;
#                                 SmolLM2-135M-Instruct: 2 steps, all 270 heads, 6 prompts, which is not
#   tests/real/sahara.sh --full   SmolLM2 at full size too: 2 steps, 20 prompts; the reference's 10,800
#                                 passes take about three times as long, minutes on two cores
#
# Fewer than 8 prompts span fewer than 8 dimensions: angles for all r up to 8 are compared on the demo
# models, and on SmolLM2 at full size. The model, the Python and the questions: see smollm2.sh, common.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/real/common.sh

smollm2_prompts=6
[ "${1:-}" != --full ] || smollm2_prompts=20
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# job NAME MODEL FILE LIMIT FORMAT STEPS: a job file, with its results in a folder of that name.
job() {
    cat >"$work/$1.json" <<JSON
{"name": "$1",
 "models": [{"name": "$1", "path": "$2"}],
 "prompts": {"harmful": {"file": "$3", "limit": $4}},
 "format": {"kind": "$5"},
 "subspace": {"rank": 1, "state": "final_norm"},
 "sahara": {"steps": $6},
 "output": "$1"}
JSON
}

# search_and_compare NAME MODEL FILE LIMIT FORMAT STEPS: the search, the reference's, and both compared.
search_and_compare() {
    local scores="$work/$1/$1/uniform_attention/scores.h5" reference="$work/$1.reference.json"
    job "$@"
    check "$1: Sahara, $6 steps" run_on_two_ranks "$work/$1.json"
    check "$1: the same by plain PyTorch" env OMP_NUM_THREADS="$(cores)" \
        "$python" tests/reference/sahara_reference.py --steps "$6" "$2" "$scores" "$reference"
    check "$1: group and angles equal those of PyTorch" \
        "$python" tests/reference/compare_sahara.py "$scores" "$reference"
}

for demo in chat-a chat-b; do
    search_and_compare "$demo" "$PWD/jobs/demo/models/$demo" "$PWD/jobs/demo/prompts/harmful.csv" 0 chat 3
done
search_and_compare smollm2 "$(scripts/fetch-smollm2.sh)" "$prompts" "$smollm2_prompts" query_answer 2

finish
