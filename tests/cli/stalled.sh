#!/usr/bin/env bash
# A rank that is stopped in the middle of a stage holds nobody up: the others compute what it had, the run ends
# with exit code 0, names it, and has the bytes of a run that nobody disturbed. One that wakes up goes on.
# shellcheck source=tests/cli/dataset-common.sh
. "$(dirname "$0")/dataset-common.sh"

# Little memory makes many units, so that every stage has a middle.
demo_job job.json 'chat-a chat-b' 20 3 6 32 '"engine": {"memory_gib": 0.006}'
run "$CARAVAN" run job.json --output undisturbed
equal 'the undisturbed run: exit code' 0 "$code"

# Each rank leaves its process in a file before it becomes caravan.
cat >rank.sh <<'END'
#!/usr/bin/env bash
echo $$ >"process-${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"
exec "$CARAVAN" run job.json
END
chmod +x rank.sh

# until_in STAGE: waits until the run under way is in the stage and has finished a unit of it. Fails if it has ended.
until_in() {
    local bytes=
    until [ -n "$bytes" ] && [ "$(stat -c %s results/journal)" -gt "$bytes" ]; do
        kill -0 "$launcher" 2>/dev/null || return 1
        sleep 0.01
        if [ -z "$bytes" ] && grep -qsF "\"phase\": \"$1\"" results/status.json; then
            bytes=$(stat -c %s results/journal)
        fi
    done
}

# stalled STAGE RANK: a run of four ranks, one of which is stopped in the stage. Fails if it had ended by then.
stalled() {
    local i process=
    rm -rf results process-*
    "$MPIEXEC" -n 4 ./rank.sh >out 2>err </dev/null &
    launcher=$!
    code=0
    if until_in "$1"; then
        process=$(<"process-$2")
        kill -STOP "$process" 2>/dev/null || process= # it has ended
    fi
    # a run that is held up is ended after a minute
    for ((i = 0; i < 600; i++)); do
        kill -0 "$launcher" 2>/dev/null || break
        sleep 0.1
    done
    [ -z "$process" ] || kill -CONT "$process" 2>/dev/null || true
    if kill -0 "$launcher" 2>/dev/null; then fail "stopped in $1: the run is held up"; fi
    wait "$launcher" || code=$?
    [ -n "$process" ] && grep -q 'did not answer' err
}

for case in 'sweep 1' 'sahara 2 3' 'answers 2' 'utility 3'; do
    stage=${case% *} rank=${case##* }
    tries=5
    until stalled "$stage" "$rank" || [ $((--tries)) -eq 0 ]; do :; done
    expect "stopped in $stage: before the end" [ "$tries" -gt 0 ]
    equal "stopped in $stage: exit code" 0 "$code"
    holds "stopped in $stage: the rank is named" err "rank $rank on "
    holds "stopped in $stage: results are printed" out 'results: '
    holds "stopped in $stage: status" results/status.json '"state": "done"'
    same_results "stopped in $stage" undisturbed results
done

# Woken, it takes part again, and the run ends as any other.
rm -rf results process-*
"$MPIEXEC" -n 3 ./rank.sh >out 2>err </dev/null &
launcher=$!
if until_in sweep; then
    process=$(<process-2)
    if kill -STOP "$process" 2>/dev/null; then
        sleep 0.3
        kill -CONT "$process" 2>/dev/null || true # an ended run has taken it along
    fi
fi
code=0
wait "$launcher" || code=$?
equal 'stopped and woken: exit code' 0 "$code"
same_results 'stopped and woken' undisturbed results

finish
