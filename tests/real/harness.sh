#!/usr/bin/env bash
# Log-likelihoods of choices against the Language Model Evaluation Harness and plain PyTorch, on
# SmolLM2-135M-Instruct: 68 questions, clean, and with two heads switched off (by PyTorch alone).
#
# Where the harness cannot be installed (scripts/harness-python.sh), its check is skipped, and that is said.
# The model and the Python: see smollm2.sh, common.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/real/common.sh

model=$(scripts/fetch-smollm2.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if with_harness=$(scripts/harness-python.sh); then
    check "choices and accuracies equal those of the harness" \
        "$with_harness" tests/real/harness.py "$caravan" "$model"
else
    say "skipped: the Python package lm_eval cannot be installed"
    skipped=$((skipped + 1))
fi

for task in choices contexts; do
    file=tests/real/harness-$task.jsonl
    against=("$python" tests/reference/loglikelihood_reference.py "$model" "$file" --against "$work/$task.csv")
    check "$task, with and without two heads" "$caravan" utility "$model" --task "$file" \
        --ablate uniform_attention:2:3 --ablate uniform_attention:10:7 --output "$work/$task.csv"
    check "$task: log-likelihoods equal those of PyTorch" "${against[@]}"
    check "$task: the same without two heads" "${against[@]}" --heads 2:3,10:7
done

finish
