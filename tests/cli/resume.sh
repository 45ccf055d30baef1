#!/usr/bin/env bash
# A run that was ended in the middle goes on, on any number of ranks, and its results are byte by byte those
# of a run that was not. What is not its own work it refuses.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
export OMP_NUM_THREADS=1

# Enough prompts for many units, and the slow engine, so that there is a middle to end it in.
seq -f 'How to bake %g loaves of bread, if there are %g guests?' 40 >many.txt
job_of() {
    cat >"$1" <<END
{"models": [{"name": "m", "path": "model"}, {"name": "other", "path": "other"}], "output": "results",
 "prompts": {"harmful": {"file": "many.txt"}, "harmless": {"file": "harmless.txt"}},
 "ablations": [{"kind": "uniform_attention"}, {"kind": "value_scale", "epsilon": 0.5}]${2:+, $2}}
