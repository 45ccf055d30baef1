#!/usr/bin/env bash
# Two ranks of one thread against one rank of one thread: a sweep of SmolLM2, 270 heads, PROMPTS prompts (by
# default 8). Runs both in turn REPETITIONS times (by default 3) and prints seconds and their ratio.
#
#   scripts/measure-ranks.sh [PROMPTS.csv]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

repetitions=${REPETITIONS:-3} limit=${PROMPTS:-8}
[ -x build/release/bin/caravan ] || build release
prompts=$(realpath "${1:-tests/real/prompts.csv}")
model=$(scripts/fetch-smollm2.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/job.json" <<JSON
{"name": "ranks",
 "models": [{"name": "smollm2", "path": "$model"}],
 "prompts": {"harmful": {"file": "$prompts", "limit": $limit}},
 "format": {"kind": "query_answer"},
 "output": "out"}
JSON

export OMP_NUM_THREADS=1
for i in $(seq "$repetitions"); do
    for ranks in 1 2; do
        mpirun -n "$ranks" --bind-to none build/release/bin/caravan run "$work/job.json" \
            --output "$work/$ranks-$i" >/dev/null
    done
done

python3 - "$work" "$repetitions" <<'PYTHON'
import json, statistics, sys
work, repetitions = sys.argv[1], int(sys.argv[2])
def seconds(ranks, i):
    with open(f"{work}/{ranks}-{i + 1}/manifest.json") as file:
        return json.load(file)["performance"]["wall_seconds"]
pairs = [(seconds(1, i), seconds(2, i)) for i in range(repetitions)]
for one, two in pairs:
    print(f"one rank {one:.1f} s, two ranks {two:.1f} s, ratio {one / two:.3f}")
ratios = [one / two for one, two in pairs]
print(f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
PYTHON
