#!/usr/bin/env bash
# Caravan under a real Slurm: four pretend nodes on this machine (tests/slurm/test-cluster), the batch scripts
# of slurm/ really submitted.
#
#   tests/slurm/slurm.sh      needs root, and Debian's slurm-wlm and munge; installs them if it can
#
# Skips, saying so, where Slurm is absent and cannot be installed. Everything stays on loopback; only processes
# that it started are ended.
# shellcheck disable=SC2317 # functions are called by check
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/common.sh

scripts/dependencies.sh build
if ! command -v slurmctld >/dev/null && ! scripts/dependencies.sh slurm; then
    say "skipped: Slurm is not installed, and cannot be"
    skipped=$((skipped + 1))
    finish
    exit
fi
[ -x build/release/bin/caravan ] || build release
CARAVAN=$PWD/build/release/bin/caravan
export CARAVAN SLURM_TEST_NODES=4 SLURM_TEST_CPUS=2
work=$(mktemp -d)
cluster=$PWD/tests/slurm/test-cluster
eval "$("$cluster" up)"
clean() {
    "$cluster" down >/dev/null 2>&1 || true
    rm -rf "$SLURM_TEST_DIR" "$work"
}
trap clean EXIT
export OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1
slurm=$PWD/slurm

# The demo job, small enough for a test; "slow" takes the plain engine, which is slower.
python3 - "$PWD/jobs/demo/job.json" "$work/job.json" <<'PYTHON'
import json, os, sys
with open(sys.argv[1]) as file:
    job = json.load(file)
folder = os.path.dirname(sys.argv[1])
for model in job["models"]:
    model["path"] = os.path.join(folder, model["path"])
for prompts in job["prompts"].values():
    prompts.update(file=os.path.join(folder, prompts["file"]), limit=8)
job["sahara"]["steps"] = 2
job["evaluate"].update(groups=["none", "sahara:2"], max_new_tokens=8)
job["evaluate"].pop("utility", None)
with open(sys.argv[2], "w") as file:
    json.dump(job, file)
PYTHON
cd "$work"
on_node() { # on_node NODES TASKS_PER_NODE: sbatch's options for a script of ours
    echo "--nodes=$1 --ntasks-per-node=$2 --cpus-per-task=1 --mem=500"
}
state_of() { scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z]*\).*/\1/p' | head -1; }
field_of() { scontrol show job "$1" | sed -n "s/.*\b$2=\([^ ]*\).*/\1/p" | head -1; }

# wait_for SECONDS JOB STATE
wait_for() {
    local end=$((SECONDS + $1))
    while [ "$(state_of "$2")" != "$3" ]; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.5
    done
}

# same A B: two results folders have the same tables and scores.
same() {
    local file found=0
    for file in $(cd "$1" && find . -name '*.csv' -o -name '*.h5'); do
        cmp "$1/$file" "$2/$file" || return 1
        found=$((found + 1))
    done
    [ "$found" -gt 0 ]
}

undisturbed() { "$CARAVAN" run job.json --output whole >whole.txt 2>&1; }
check "an undisturbed run, without Slurm" undisturbed

completes() {
    # shellcheck disable=SC2046
    sbatch --parsable --wait $(on_node 2 1) --time=10 "$slurm/nodes.sh" job.json --output two-nodes >job.id || {
        cat caravan-*.log
        return 1
    }
    same whole two-nodes
}
check "sbatch on two nodes completes, with the same bytes" completes

by_mpirun() {
    # shellcheck disable=SC2046
    LAUNCH="mpirun --oversubscribe" sbatch --wait $(on_node 2 2) --time=10 "$slurm/nodes.sh" job.json \
        --output by-mpirun && same whole by-mpirun
}
check "the same by mpirun, two ranks a node" by_mpirun

# The warning, as Slurm gives it before a limit, without waiting for the limit's 30-second grid.
warned() {
    local id
    # shellcheck disable=SC2046
    id=$(sbatch --parsable $(on_node 2 1) --time=10 "$slurm/nodes.sh" job.json --engine plain --output warned)
    for _ in $(seq 300); do
        grep -qs '"units_done": [1-9]' warned/status.json && break
        sleep 0.1
    done
    scancel -b -s USR1 "$id"
    wait_for 60 "$id" COMPLETED || {
        cat "caravan-$id.log"
        return 1
    }
    grep -q 'saved; requeued' "caravan-$id.log" && [ "$(field_of "$id" Restarts)" -ge 1 ]
}
check "warned, it saves, exits 75, is requeued and completes" warned
undisturbed_plain() { "$CARAVAN" run job.json --engine plain --output whole-plain >/dev/null 2>&1 && same whole-plain warned; }
check "requeued: the same bytes as undisturbed" undisturbed_plain

# A limit that is really too short: a minute with the warning after a quarter of it, for a job that takes
# longer.
sed 's/"limit": 8/"limit": 24/g' job.json >longer.json
undisturbed_longer() { "$CARAVAN" run longer.json --engine plain --output whole-longer >/dev/null 2>&1; }
check "a longer run, undisturbed" undisturbed_longer
limited() {
    local id
    # shellcheck disable=SC2046
    id=$(sbatch --parsable $(on_node 2 1) --time=1 --signal=B:USR1@45 "$slurm/nodes.sh" longer.json --engine plain \
        --output limited)
    wait_for 420 "$id" COMPLETED || {
        cat "caravan-$id.log"
        return 1
    }
    [ "$(field_of "$id" Restarts)" -ge 1 ] && same whole-longer limited
}
check "with a limit that is too short it is requeued and completes, with the same bytes" limited

cancelled() {
    local id before phase kept
    # shellcheck disable=SC2046
    id=$(sbatch --parsable $(on_node 2 1) --time=10 "$slurm/nodes.sh" job.json --engine plain --output cancelled)
    for _ in $(seq 300); do
        grep -qs '"units_done": [1-9]' cancelled/status.json && break
        sleep 0.1
    done
    scancel "$id"
    wait_for 30 "$id" CANCELLED || return 1
    phase=$(sed -n 's/.*"phase": "\(.*\)",.*/\1/p' cancelled/status.json)
    before=$(sed -n 's/.*"units_done": \([0-9]*\).*/\1/p' cancelled/status.json)
    "$CARAVAN" run job.json --engine plain --output cancelled 2>again.txt >/dev/null || return 1
    # what was done by then, less at most what was under way on two ranks
    kept=$(sed -n "s/.*has \(all \)\?\([0-9]*\) .*units of $phase already.*/\2/p" again.txt)
    [ "${kept:-0}" -ge $((before - 2)) ] && same whole-plain cancelled
}
check "scancel loses at most the units under way" cancelled

array() {
    local id
    id=$(sbatch --parsable --array=0-3 --nodes=1 --ntasks-per-node=1 --cpus-per-task=1 --mem=500 --time=10 \
        "$slurm/array.sh" job.json parts)
    sbatch --wait --dependency="afterok:$id" --mem=500 --cpus-per-task=1 --time=10 "$slurm/merge.sh" job.json parts \
        --output merged || {
        cat caravan-*.log
        return 1
    }
    same whole merged
}
check "an array over four models merges to the same bytes" array

finish
