#!/usr/bin/env bash
# A step of Sahara against a sweep of Ships over the same prompts and heads: SmolLM2, 270 heads, one rank
# of two threads. Runs both in turn REPETITIONS times (by default 3) on PROMPTS prompts (by default 20) and
# prints operations, seconds, and their ratios.
#
#   scripts/measure-sahara.sh [PROMPTS.csv]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

repetitions=${REPETITIONS:-3} limit=${PROMPTS:-20}
[ -x build/release/bin/caravan ] || build release
prompts=$(realpath "${1:-tests/real/prompts.csv}")
model=$(scripts/fetch-smollm2.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# job NAME SCORES: a job with these scores.
job() {
    cat >"$work/$1.json" <<JSON
{"name": "$1",
 "models": [{"name": "smollm2", "path": "$model"}],
 "prompts": {"harmful": {"file": "$prompts", "limit": $limit}},
 "format": {"kind": "query_answer"},
 $2,
 "output": "out"}
JSON
}
job ships '"ships": {"enabled": true}'
job sahara '"ships": {"enabled": false}, "sahara": {"steps": 3}'

export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
for i in $(seq "$repetitions"); do
    for name in ships sahara; do
        build/release/bin/caravan run "$work/$name.json" --output "$work/$name-$i" >/dev/null
    done
done

python3 - "$work" "$repetitions" <<'PYTHON'
import json, statistics, sys
work, repetitions = sys.argv[1], int(sys.argv[2])
def stages(name, i):
    with open(f"{work}/{name}-{i + 1}/manifest.json") as file:
        return {stage["name"]: stage for stage in json.load(file)["performance"]["stages"]}
operations, seconds = [], []
for i in range(repetitions):
    ships, search = stages("ships", i)["sweep"], stages("sahara", i)
    for step in ("sahara 2", "sahara 3"):
        operations.append(search[step]["operations_planned"] / ships["operations_planned"])
        seconds.append(search[step]["wall_seconds"] / ships["wall_seconds"])
    print(f"Ships {ships['operations_planned']:.4e} operations, {ships['wall_seconds']:.1f} s; steps 2 and 3 "
          + ", ".join(f"{search[s]['operations_planned']:.4e}, {search[s]['wall_seconds']:.1f} s"
                      for s in ("sahara 2", "sahara 3")))
for name, ratios in (("operations", operations), ("seconds", seconds)):
    print(f"ratio of {name:10} {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
PYTHON
