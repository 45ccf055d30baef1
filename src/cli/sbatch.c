/* The batch script that caravan plan --sbatch writes: slurm/nodes.sh with the job's own figures in its head. */
#include "cli/sbatch.h"

#include "base/buffer.h"
#include "base/file.h"

/* What follows the head; tests/cli/verbs.sh holds slurm/nodes.sh to it. */
static const char body[] =
    "set -euo pipefail\n"
    "\n"
    "caravan=${CARAVAN:-caravan}\n"
    "[ $# -ge 1 ] || {\n"
    "    echo \"usage: sbatch slurm/nodes.sh JOB.json [OPTIONS OF caravan run]\" >&2\n"
    "    exit 2\n"
    "}\n"
    "\n"
    "# One OpenMP thread for each core of a task, each on its own core.\n"
    "export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} OMP_PLACES=cores OMP_PROC_BIND=close\n"
    "# What srun does not take over from sbatch by itself in newer releases.\n"
    "export SRUN_CPUS_PER_TASK=$OMP_NUM_THREADS\n"
    "\n"
    "read -ra launch <<<\"${LAUNCH:-srun --mpi=pmix}\"\n"
    "case ${launch[0]} in\n"
    "srun) launch+=(--kill-on-bad-exit=1 --cpu-bind=cores) ;;\n"
    "mpirun) launch+=(--map-by \"ppr:${SLURM_NTASKS_PER_NODE:-1}:node:PE=$OMP_NUM_THREADS\" --bind-to core) ;;\n"
    "esac\n"
    "\n"
    "# Slurm warns this shell three minutes before the end; the ranks hear of it through the launcher.\n"
    "\"${launch[@]}\" \"$caravan\" run \"$@\" &\n"
    "child=$!\n"
    "warned=\n"
    "trap 'warned=yes; kill -USR1 \"$child\" 2>/dev/null' USR1\n"
    "trap 'kill -TERM \"$child\" 2>/dev/null' TERM\n"
    "code=0\n"
    "while :; do\n"
    "    code=0\n"
    "    wait \"$child\" || code=$?\n"
    "    kill -0 \"$child\" 2>/dev/null || break # a signal ends wait before the child has ended\n"
    "done\n"
    "\n"
    "# 75: saved before the end. The same command goes on where it was. A job that was cancelled stays so.\n"
    "if [ \"$code\" -eq 75 ] && [ -n \"$warned\" ]; then\n"
    "    echo \"saved; requeued as job $SLURM_JOB_ID\" >&2\n"
    "    scontrol requeue \"$SLURM_JOB_ID\"\n"
    "fi\n"
    "exit \"$code\"\n";

/* Hours, minutes and seconds with a reserve, and never less than ten minutes. */
static void put_time(cv_buffer *out, double seconds)
{
    long whole = (long)(1.3 * seconds) + 300;
    if (whole < 600) whole = 600;
    cv_buffer_printf(out, "#SBATCH --time=%ld:%02ld:%02ld\n", whole / 3600, whole / 60 % 60, whole % 60);
}

bool cv_sbatch_write(const char *path, const cv_sbatch *what, cv_error *err)
{
    cv_buffer out = {0};
    int nodes = (what->ranks + what->ranks_per_node - 1) / what->ranks_per_node;
    cv_buffer_printf(&out,
                     "#!/usr/bin/env bash\n"
                     "# Written by caravan plan for %s: %d ranks of %d threads, some %.3g hours.\n"
                     "#\n"
                     "#   sbatch %s %s\n"
                     "#SBATCH --job-name=caravan\n"
                     "#SBATCH --nodes=%d\n"
                     "#SBATCH --ntasks-per-node=%d\n"
                     "#SBATCH --cpus-per-task=%d\n"
                     "#SBATCH --mem=%lluM\n",
                     what->job, what->ranks, what->threads, what->seconds / 3600, path, what->job, nodes,
                     what->ranks_per_node, what->threads,
                     (unsigned long long)(what->node_bytes + what->node_bytes / 4) / (1024 * 1024) + 256);
    put_time(&out, what->seconds);
    cv_buffer_puts(&out, "#SBATCH --signal=B:USR1@180\n"
                         "#SBATCH --requeue\n"
                         "#SBATCH --open-mode=append\n"
                         "#SBATCH --output=caravan-%j.log\n");
    cv_buffer_puts(&out, body);
    bool ok = cv_write_file(path, out.data, out.length, err);
    cv_buffer_free(&out);
    return ok;
}
