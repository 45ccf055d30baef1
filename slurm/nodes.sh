#!/usr/bin/env bash
# A job of Caravan on several nodes. It saves and requeues itself when its time runs out.
#
#   sbatch slurm/nodes.sh JOB.json [OPTIONS OF caravan run]
#
# Change the #SBATCH lines to your machine, or override them on sbatch's command line: one task for each
# socket (here two), with that socket's cores. CARAVAN names the program if it is not in PATH, and LAUNCH
# how it is started: "srun --mpi=pmix" (the default) or "mpirun".
#SBATCH --job-name=caravan
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=16
#SBATCH --time=12:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=caravan-%j.log
set -euo pipefail

caravan=${CARAVAN:-caravan}
[ $# -ge 1 ] || {
    echo "usage: sbatch slurm/nodes.sh JOB.json [OPTIONS OF caravan run]" >&2
    exit 2
}

# One OpenMP thread for each core of a task, each on its own core.
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} OMP_PLACES=cores OMP_PROC_BIND=close
# What srun does not take over from sbatch by itself in newer releases.
export SRUN_CPUS_PER_TASK=$OMP_NUM_THREADS

read -ra launch <<<"${LAUNCH:-srun --mpi=pmix}"
case ${launch[0]} in
srun) launch+=(--kill-on-bad-exit=1 --cpu-bind=cores) ;;
mpirun) launch+=(--map-by "ppr:${SLURM_NTASKS_PER_NODE:-1}:node:PE=$OMP_NUM_THREADS" --bind-to core) ;;
esac

# Slurm warns this shell three minutes before the end; the ranks hear of it through the launcher.
"${launch[@]}" "$caravan" run "$@" &
child=$!
warned=
trap 'warned=yes; kill -USR1 "$child" 2>/dev/null' USR1
trap 'kill -TERM "$child" 2>/dev/null' TERM
code=0
while :; do
    code=0
    wait "$child" || code=$?
    kill -0 "$child" 2>/dev/null || break # a signal ends wait before the child has ended
done

# 75: saved before the end. The same command goes on where it was. A job that was cancelled stays so.
if [ "$code" -eq 75 ] && [ -n "$warned" ]; then
    echo "saved; requeued as job $SLURM_JOB_ID" >&2
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
