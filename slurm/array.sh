#!/usr/bin/env bash
# One model of a job for each task of an array; slurm/merge.sh puts them together afterwards, exactly.
#
#   array=$(sbatch --parsable --array=0-3 slurm/array.sh JOB.json PARTS)
#   sbatch --dependency="afterok:$array" slurm/merge.sh JOB.json PARTS
#
# PARTS is a folder for the tasks' results. Each task takes the model at its place in the job's list, from 0.
# CARAVAN names the program if it is not in PATH.
#SBATCH --job-name=caravan-array
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=caravan-%A-%a.log
set -euo pipefail

[ $# -ge 2 ] || {
    echo "usage: sbatch --array=0-N slurm/array.sh JOB.json PARTS [OPTIONS OF caravan run]" >&2
    exit 2
}
job=$1 parts=$2 caravan=${CARAVAN:-caravan}
shift 2
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} OMP_PLACES=cores OMP_PROC_BIND=close
export SRUN_CPUS_PER_TASK=$OMP_NUM_THREADS

model=$("$caravan" plan "$job" --list-models | sed -n "$((SLURM_ARRAY_TASK_ID + 1))p")
[ -n "$model" ] || {
    echo "$job has no model number $SLURM_ARRAY_TASK_ID (they count from 0)" >&2
    exit 2
}
mkdir -p "$parts"
srun --mpi=pmix --kill-on-bad-exit=1 --cpu-bind=cores \
    "$caravan" run "$job" --models "$model" --output "$parts/$model" "$@" &
child=$!
warned=
trap 'warned=yes; kill -USR1 "$child" 2>/dev/null' USR1
trap 'kill -TERM "$child" 2>/dev/null' TERM
while :; do
    code=0
    wait "$child" || code=$?
    kill -0 "$child" 2>/dev/null || break
done
if [ "$code" -eq 75 ] && [ -n "$warned" ]; then
    echo "saved; requeued" >&2
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
