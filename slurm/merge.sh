#!/usr/bin/env bash
# Puts the parts of a job together that slurm/array.sh has computed: takes all finished units over and
# writes the whole job's tables. What should be missing is computed.
#
#   sbatch slurm/merge.sh JOB.json PARTS
#SBATCH --job-name=caravan-merge
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --time=1:00:00
#SBATCH --output=caravan-merge-%j.log
set -euo pipefail

[ $# -ge 2 ] || {
    echo "usage: sbatch slurm/merge.sh JOB.json PARTS [OPTIONS OF caravan run]" >&2
    exit 2
}
job=$1 parts=$2
shift 2
from=()
for part in "$parts"/*/; do
    [ -f "$part/journal" ] && from+=(--from "$part")
done
[ ${#from[@]} -gt 0 ] || {
    echo "$parts: holds no results with a journal" >&2
    exit 2
}
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}
exec srun --mpi=pmix "${CARAVAN:-caravan}" run "$job" "${from[@]}" "$@"
