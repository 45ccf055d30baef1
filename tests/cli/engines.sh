#!/usr/bin/env bash
# The wavefront against the plain engine on the four demo models: every ablation, with and without a
# shared system prompt. Each score may differ by 1e-7 + 1e-4 times its value; NaN differs.
set -euo pipefail
demo=$CARAVAN_SOURCE_DIR/jobs/demo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v h5dump >/dev/null; then
    echo "skipped: h5dump (hdf5-tools) is not installed"
    exit 77
fi

# job SYSTEM: a job on two prompts with every ablation; SYSTEM is a JSON value.
job() {
    cat >"$work/job.json" <<JSON
{"models": [{"name": "base-1", "path": "$demo/models/base-1"}, {"name": "chat-a", "path": "$demo/models/chat-a"},
            {"name": "chat-b", "path": "$demo/models/chat-b"}, {"name": "chat-c", "path": "$demo/models/chat-c"}],
 "prompts": {"harmful": {"file": "$demo/prompts/harmful.csv", "limit": 2}},
 "format": {"kind": "chat", "system": $1},
 "ablations": [{"kind": "uniform_attention"}, {"kind": "uniform_attention", "epsilon": 1e-5},
               {"kind": "uniform_attention", "granularity": "kv_group"},
               {"kind": "value_scale"}, {"kind": "value_scale", "epsilon": 0.5, "granularity": "kv_group"},
               {"kind": "mean_over_heads", "of": "q"}, {"kind": "mean_over_heads", "of": "k"},
               {"kind": "mean_over_heads", "of": "z"}],
 "output": "out"}
JSON
}

# The scores of one file, one a line.
scores() { h5dump -d /harmful/ships -y -w 1 -m '%.17g' "$1" | tr -d ' ,' | grep -E '^[-+0-9.einaf]+$'; }

checked=0
for system in null '"You live in a small town by a river and answer questions about what people there make and do."'; do
    job "$system"
    for engine in wavefront plain; do
        "$CARAVAN" run "$work/job.json" --engine "$engine" --output "$work/$engine" >/dev/null
    done
    while read -r file; do
        paste <(scores "$work/wavefront/$file") <(scores "$work/plain/$file") >"$work/both"
        awk -v file="$file" -v fields=2 '
            NF != fields { print file ": line " NR ": " NF " fields"; bad = 1; next }
            { d = $1 - $2; if (d < 0) d = -d; if (!(d <= 1e-7 + 1e-4 * $2)) { print file ": " $1 " and " $2; bad = 1 } }
            END { if (NR < 48) { print file ": only " NR " scores"; bad = 1 } exit bad }' "$work/both"
        checked=$((checked + $(wc -l <"$work/both")))
    done < <(cd "$work/wavefront" && find . -name scores.h5)
    rm -rf "$work/wavefront" "$work/plain"
done
echo "$checked scores compared"
[ "$checked" -ge 4096 ]
