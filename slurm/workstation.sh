#!/usr/bin/env bash
# A job of Caravan on one node, for as long as it takes: no requeueing, no signals.
#
#   sbatch slurm/workstation.sh JOB.json [OPTIONS OF caravan run]
#
# CARAVAN names the program if it is not in PATH.
#SBATCH --job-name=caravan
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --output=caravan-%j.log
set -euo pipefail

[ $# -ge 1 ] || {
    echo "usage: sbatch slurm/workstation.sh JOB.json [OPTIONS OF caravan run]" >&2
    exit 2
}
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} OMP_PLACES=cores OMP_PROC_BIND=close
export SRUN_CPUS_PER_TASK=$OMP_NUM_THREADS
exec srun --mpi=pmix --kill-on-bad-exit=1 --cpu-bind=cores "${CARAVAN:-caravan}" run "$@"
