#!/usr/bin/env bash
# A run that is killed in the middle of each of its stages goes on with another number of ranks, and ends with
# the bytes of a run that nobody disturbed.
# shellcheck source=tests/cli/dataset-common.sh
. "$(dirname "$0")/dataset-common.sh"

# Little memory makes many units, so that every stage has a middle: at least eight units.
budgets=$(awk 'BEGIN { for (g = 0.02; g > 0.004; g *= 0.93) print g }')
for gib in $budgets; do
    demo_job job.json 'chat-a chat-b' 20 3 6 32 "\"engine\": {\"memory_gib\": $gib}"
    run "$CARAVAN" plan job.json
    equal "plan with $gib GiB: exit code" 0 "$code"
    if awk '/^stage / { stages = 4; next } stages && stages-- && $(NF - 2) < 8 { few = 1 }
            END { exit stages != 0 || few }' out; then break; fi
done
stages=('sweep' 'sahara 2' 'answers' 'utility')
ranks=(2 3 1 4)

run "$CARAVAN" run job.json --output undisturbed
equal 'the undisturbed run: exit code' 0 "$code"

# Killed processes leave what MPI keeps in files: it goes with the scratch folder.
export TMPDIR=$scratch OMPI_MCA_btl_vader_backing_directory=$scratch OMPI_MCA_btl_sm_backing_directory=$scratch

# family PID: it, and all processes that it has started, or these have. Launchers give ranks groups and sessions of
# their own.
family() {
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v of="$1" '
        { pid = $1; sub(/.*\) /, ""); parent[pid] = $2 }
        END {
            known[of]
            do {
                grown = 0
                for (pid in parent) if ((parent[pid] in known) && !(pid in known)) { known[pid]; grown = 1 }
            } while (grown)
            for (pid in known) print pid
        }'
}

# is_alive PID
is_alive() {
    local line
    { read -r line <"/proc/$1/stat"; } 2>/dev/null && [[ ${line##*) } != Z* ]] # behind the command's name
}

# kill_run PID RANKS: kills it with all its ranks at once, and waits for their end.
kill_run() {
    local members pid
    members=$(family "$1")
    expect 'the launcher and its ranks are found' [ "$(wc -w <<<"$members")" -gt "$2" ]
    # shellcheck disable=SC2086 # several
    kill -9 $members 2>/dev/null || true
    for pid in $members; do
        for _ in {1..200}; do
            is_alive "$pid" || continue 2
            sleep 0.05
        done
        fail "process $pid cannot be killed"
    done
}

# run_until STAGE RANKS: runs until the stage has finished a unit, and kills all ranks. Fails if the run ends by
# itself.
run_until() {
    local launcher bytes=
    "$MPIEXEC" -n "$2" "$CARAVAN" run job.json >out 2>err </dev/null &
    launcher=$!
    disown "$launcher" # its end is no news
    until [ -n "$bytes" ] && [ "$(stat -c %s results/journal)" -gt "$bytes" ]; do
        kill -0 "$launcher" 2>/dev/null || return 1
        sleep 0.01
        if [ -z "$bytes" ] && grep -qsF "\"phase\": \"$1\"" results/status.json; then
            bytes=$(stat -c %s results/journal)
        fi
    done
    kill_run "$launcher" "$2"
}

# units STAGE FILE: "DONE TOTAL" of what the messages of a run say that the journal had of a stage.
units() {
    sed -n "s/^caravan: .*journal: has \(all \)\?\([0-9]*\) \(of \([0-9]*\) \)\?units of $1 already\$/\2 \4/p" "$2"
}

# killed_everywhere: one run, killed in each stage and taken up by other ranks each time. Fails if a stage was
# over before it could be killed, which is found when the run is taken up.
killed_everywhere() {
    local i
    rm -rf results
    for i in "${!stages[@]}"; do
        run_until "${stages[i]}" "${ranks[i]}" || return 1
        cp err "err-$i"
    done
    run mpirun -n 2 "$CARAVAN" run job.json
    cp err err-4
    for i in "${!stages[@]}"; do
        # shellcheck disable=SC2046 # two numbers
        set -- $(units "${stages[i]}" "err-$((i + 1))")
        [ $# -eq 2 ] && [ "$1" -gt 0 ] && [ "$1" -lt "$2" ] || return 1
        echo "killed in ${stages[i]}, ranks: ${ranks[i]}, after $1 of $2 units"
    done
}

tries=5
until killed_everywhere || [ $((--tries)) -eq 0 ]; do :; done
expect 'the run is killed in the middle of every stage' [ "$tries" -gt 0 ]
equal 'the run that ends: exit code' 0 "$code"
for stage in 'sweep' 'sahara 2' 'answers'; do
    expect "what is done of $stage is not done again" grep -q "has all [0-9]* units of $stage already" err
done
same_results 'killed and taken up' undisturbed results

# ---- once more, when all is done ----

run mpirun -n 3 "$CARAVAN" run job.json
equal 'a finished run: exit code' 0 "$code"
for stage in "${stages[@]}"; do
    expect "a finished run has all of $stage" grep -q "has all [0-9]* units of $stage already" err
done
equal 'a finished run computes nothing' 0 "$(grep -c 'operations (' err)"
same_results 'a finished run' undisturbed results

finish
