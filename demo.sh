#!/usr/bin/env bash
# Installs what is missing, builds Caravan, and sweeps the four demo models on two ranks: every
# attention head of each is switched off in turn, and the ten that matter most for its refusals are
# printed. The results lie in results/demo afterwards.
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
