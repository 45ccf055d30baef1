#!/usr/bin/env bash
# What handing out units costs: RANKS ranks (by default 64) on however few cores, with units that sleep for
# MILLISECONDS (by default 50), UNITS of them a rank (by default 32), REPETITIONS times (by default 3). Each line
# gives the part of the ranks' time in which no unit was under way.
#
#   scripts/measure-dispatch.sh [COMMAND...]     the command is put before mpirun, such as: chrt -f 5
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

[ -x build/release/tests/measure_dispatch ] || build release
export OMP_NUM_THREADS=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
for _ in $(seq "${REPETITIONS:-3}"); do
    "$@" mpirun -n "${RANKS:-64}" --bind-to none build/release/tests/measure_dispatch \
        "${UNITS:-32}" "${MILLISECONDS:-50}" | grep -v '^begins'
done
