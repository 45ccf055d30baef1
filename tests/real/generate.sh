#!/usr/bin/env bash
# Answers of SmolLM2-135M-Instruct, clean and with a group of five heads of several kinds switched off:
# token by token those of transformers.generate for 64 tokens and 20 prompts; the same in any batch, for
# any number of threads, and by the plain engine; and 100 sequences together at least 8 times as fast as
# one at a time. Ids are compared, and no text is kept.
#
# The reference with heads switched off reads the whole text anew for each token: five minutes on two
# cores. The model, the Python and the questions: see smollm2.sh, common.sh.
# shellcheck disable=SC2317 # functions are called by check
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/real/common.sh

model=$(scripts/fetch-smollm2.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
group=(--ablate uniform_attention:2:3 --ablate uniform_attention:2:7 --ablate value_scale:10:4:0.5
    --ablate mean_over_heads:20:1:z --ablate uniform_attention:25:5:1e-5)

# answer FILE ARGUMENT...
answer() {
    local file=$1
    shift
    "$caravan" generate "$model" --prompts "$prompts" --limit 20 --format query_answer --max-new-tokens 64 --ids-only \
        "$@" >"$work/$file"
}

# answer_again FILE ARGUMENT...: the same again
answer_again() {
    local file=$1
    shift
    answer again "$@" && cmp "$work/again" "$work/$file"
}

differ() { ! cmp -s "$work/$1" "$work/$2"; }

answer_by_plain() {
    "$caravan" generate "$model" --prompts "$prompts" --limit 2 --format query_answer --max-new-tokens 16 --ids-only \
        "${group[@]}" --engine plain >"$work/plain" &&
        "$caravan" generate "$model" --prompts "$prompts" --limit 2 --format query_answer --max-new-tokens 16 \
            --ids-only "${group[@]}" | cmp - "$work/plain"
}

threads=$(cores)
export OMP_NUM_THREADS=$threads OMP_WAIT_POLICY=passive
check "20 answers" answer clean
check "20 answers with five heads switched off" answer group "${group[@]}"
check "heads matter" differ clean group
for name in clean group; do
    heads=()
    [ $name = clean ] || heads=("${group[@]}")
    check "transformers.generate, $name" "$python" tests/reference/generate_reference.py \
        "$model" "$prompts" "$work/$name.json" "${heads[@]}"
    check "tokens equal those of transformers, $name" \
        "$python" tests/reference/compare_generation.py "$work/$name" "$work/$name.json"
done
check "one at a time" answer_again group "${group[@]}" --batch 1
check "in batches of seven" answer_again group "${group[@]}" --batch 7
for OMP_NUM_THREADS in 1 2 3 4; do check "on $OMP_NUM_THREADS threads" answer_again group "${group[@]}"; done
OMP_NUM_THREADS=$threads
check "by the plain engine" answer_by_plain
check "draws" answer draws --top-k 5 --samples 2 --seed 1
check "the same draws in other batches" answer_again draws --top-k 5 --samples 2 --seed 1 --batch 9

unset OMP_WAIT_POLICY
check "100 together, at least 8 times as fast as one at a time" env LEAST=8 REPETITIONS=3 scripts/measure-decode.sh

finish
