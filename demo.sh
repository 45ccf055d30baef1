#!/usr/bin/env bash
# Installs what is missing, builds Caravan, and runs the demo job on two ranks: every attention head of
# four small chat models is switched off in turn, and the ten that matter most for refusals are printed;
# then groups of heads are searched for, and what switching them off does to the models' answers and
# abilities is measured; last, which heads the models share, within one base and across two. The results lie in
# results/demo afterwards, tables of answers, abilities and shared heads in results/demo.md.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/common.sh

scripts/dependencies.sh build
build release -DCARAVAN_BUILD_TESTS=OFF

# Open MPI refuses more ranks than cores unless told.
launch=(mpirun -n 2 --bind-to none)
if [ "$(cores)" -lt 2 ]; then
    launch+=(--oversubscribe --mca mpi_yield_when_idle 1)
fi

say "sweeping the demo models on two ranks"
OMP_NUM_THREADS=1 "${launch[@]}" build/release/bin/caravan run jobs/demo/job.json

{
    echo "# The demo's tables: answers and abilities with groups of heads switched off, and the heads that models share"
    echo
    echo "Made by \`./demo.sh\` from the results of jobs/demo/job.json. asr is the share of answers that the paper's"
    echo "judge does not call a refusal (docs/judges.md), with Wilson's 95 % interval."
    echo
    scripts/demo-table.sh results/demo
} >results/demo.md
say "tables: results/demo.md"
say "report: results/demo/report.html (open it in a browser)"
