#!/usr/bin/env bash
# Batched decoding against one sequence at a time, on SmolLM2: 100 sequences of up to 64 new tokens in the
# query_answer template, one rank. Runs both in turn REPETITIONS times (by default 5; about half a minute
# each on two quiet cores), the second on the first five sequences, and prints tokens a second and their
# ratio, prompts included. Fails if the median ratio is below LEAST (by default 0).
#
#   scripts/measure-decode.sh [PROMPTS.csv]
#
# Without a file the 100 are five draws for each of 20 prompts; with one, its first 100 prompts, greedy.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

repetitions=${REPETITIONS:-5}
[ -x build/release/bin/caravan ] || build release
model=$(scripts/fetch-smollm2.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -gt 0 ]; then
    all=(--prompts "$1" --limit 100) few=(--prompts "$1" --limit 5)
else
    draws=(--prompts tests/real/prompts.csv --top-k 5 --samples 5)
    all=("${draws[@]}" --limit 20) few=("${draws[@]}" --limit 1)
fi

# generate NAME ARGUMENT...: its last line on stderr tells tokens, seconds and their ratio.
generate() {
    local name=$1
    shift
    build/release/bin/caravan generate "$model" --format query_answer --max-new-tokens 64 --ids-only "$@" \
        2>"$work/err" >"$work/ids"
    [ "$name" = alone ] || [ "$(wc -l <"$work/ids")" -eq 100 ]
    tail -n 1 "$work/err" >>"$work/$name"
}

export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
for _ in $(seq "$repetitions"); do
    generate batch "${all[@]}" --batch 100
    generate alone "${few[@]}" --batch 1
done

python3 - "$work" "${LEAST:-0}" <<'PYTHON'
import re, statistics, sys
work, least = sys.argv[1], float(sys.argv[2])
rates = {}
for name, title in (("batch", "100 together"), ("alone", "one at a time")):
    lines = open(f"{work}/{name}").read().splitlines()
    rates[name] = [float(re.search(r"([0-9.]+) tokens a second$", line).group(1)) for line in lines]
    print(f"{title:14} {statistics.median(rates[name]):8.1f} tokens/s ({min(rates[name]):.1f} to {max(rates[name]):.1f})")
ratios = [batch / alone for batch, alone in zip(rates["batch"], rates["alone"], strict=True)]
ratio = statistics.median(ratios)
print(f"{'ratio':14} {ratio:8.2f} ({min(ratios):.2f} to {max(ratios):.2f}) over {len(ratios)} repetitions")
sys.exit(0 if ratio >= least else 1)
PYTHON
