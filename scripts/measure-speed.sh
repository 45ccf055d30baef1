#!/usr/bin/env bash
# Wavefront against plain engine on SmolLM2: 270 heads, 8 prompts in the query_answer template, one rank
# of two threads. Runs both in turn REPETITIONS times (by default 3; about four minutes each on two quiet
# cores) and prints seconds, their ratio, and the share of the measured matrix-product peak.
#
#   scripts/measure-speed.sh [PROMPTS.csv]
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
{"name": "speed",
 "models": [{"name": "smollm2", "path": "$model"}],
 "prompts": {"harmful": {"file": "$prompts", "limit": $limit}},
 "format": {"kind": "query_answer"},
 "output": "out"}
JSON

export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
for i in $(seq "$repetitions"); do
    for engine in wavefront plain; do
        build/release/bin/caravan run "$work/job.json" --engine "$engine" --output "$work/$engine-$i" >/dev/null
    done
done

python3 - "$work" "$repetitions" <<'PYTHON'
import json, statistics, sys
work, repetitions = sys.argv[1], int(sys.argv[2])
def performance(engine, i):
    with open(f"{work}/{engine}-{i + 1}/manifest.json") as file:
        return json.load(file)["performance"]
runs = {engine: [performance(engine, i) for i in range(repetitions)] for engine in ("wavefront", "plain")}
for engine, found in runs.items():
    seconds = [run["wall_seconds"] for run in found]
    shares = [run["gemm_peak_fraction"] for run in found]
    print(f"{engine:10} {statistics.median(seconds):8.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), "
          f"{found[0]['operations']:.3e} operations, {100 * statistics.median(shares):.0f} % of the matrix-product peak")
ratios = [plain["wall_seconds"] / wave["wall_seconds"] for wave, plain in zip(runs["wavefront"], runs["plain"])]
print(f"ratio      {statistics.median(ratios):8.2f} ({min(ratios):.2f} to {max(ratios):.2f}) over {repetitions} repetitions")
PYTHON
