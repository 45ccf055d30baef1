#!/usr/bin/env bash
# The whole program on a real Gemma: Gemma-3-270M, 18 x 4 heads of 256, every sixth layer without a window
# of 512 tokens. Checked against PyTorch: logits on a few texts, one of them longer than the window; Ships of all
# heads on two questions in the paper's template, and of some heads on a text longer than the window.
# And the wavefront against the plain engine.
#
# The model and a Python with PyTorch are fetched once, into the cache folder (scripts/fetch-gemma3.sh).
# Which questions: see common.sh. Some minutes on two cores.
# shellcheck disable=SC2317 # functions are called by check
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/real/common.sh

model=$(scripts/fetch-gemma3.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# job NAME PROMPTS LIMIT GRANULARITY FORMAT
job() {
    cat >"$work/$1.json" <<JSON
{"name": "$1",
 "models": [{"name": "gemma3", "path": "$model"}],
 "prompts": {"harmful": {"file": "$2", "limit": $3}},
 "format": $5,
 "ablations": [{"kind": "uniform_attention", "granularity": "$4"}],
 "output": "$1"}
JSON
}

# reference NAME OPTION...: Ships by plain PyTorch of the same prompts, and the comparison
reference() {
    local name=$1
    shift
    "$python" tests/reference/ships_reference.py "$@" "$model" "$(scores "$name")" "$work/$name.reference.json" &&
        "$python" tests/reference/compare_ships.py "$(scores "$name")" "$work/$name.reference.json"
}

scores() { echo "$work/$1/gemma3/uniform_attention/scores.h5"; }

# Some 700 tokens: a list, and a question at its end.
{
    echo prompt
    printf '"'
    for box in {1..55}; do printf 'Box %d holds %d pears and %d plums. ' "$box" $((box * 7 % 31)) $((box * 11 % 17)); done
    printf 'How many pears are in box 3?"\n'
} >"$work/long.csv"

check "logits equal those of transformers, also of a text longer than the window" \
    "$python" tests/real/logits.py --long "$caravan" "$model"

job sweep "$prompts" 8 head '{"kind": "query_answer"}'
check "a sweep of 72 heads x 8 prompts on two ranks" run_on_two_ranks "$work/sweep.json"
check "scores are complete, finite and not negative" "$python" tests/real/check_scores.py "$(scores sweep)" 18 4 8
check "Ships equal those of PyTorch, two prompts" reference sweep --prompt-numbers 0-1

job long "$work/long.csv" 1 head '{"kind": "direct"}'
check "a sweep of a text longer than the window" run_on_two_ranks "$work/long.json"
check "Ships equal those of PyTorch there, in layers with a window and without" reference long --layers 0,5,11,16

job plain "$prompts" 2 head '{"kind": "query_answer"}'
check "two prompts by the plain engine" run_on_two_ranks "$work/plain.json" --engine plain
job wave "$prompts" 2 head '{"kind": "query_answer"}'
check "and by the wavefront" run_on_two_ranks "$work/wave.json"
check "both engines have the same Ships" "$python" tests/real/compare_engines.py "$(scores wave)" "$(scores plain)"

finish
