#!/usr/bin/env bash
# A run that is asked to stop saves what is done, ends with exit code 75 within ten seconds, and goes on with the
# same command to the bytes of a run that nobody disturbed.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
export OMP_NUM_THREADS=1

# Enough prompts for many units, and the slow engine, so that there is a middle to stop it in.
for i in {1..120}; do echo "How to bake $i loaves of bread, if there are $i guests?"; done >many.txt
model other mqa-3-layers
cat >long.json <<END
{"models": [{"name": "m", "path": "model"}, {"name": "other", "path": "other"}],
 "prompts": {"harmful": {"file": "many.txt"}}, "engine": {"ranks": 1000},
 "ablations": [{"kind": "uniform_attention"}, {"kind": "value_scale", "epsilon": 0.5}], "output": "results"}
END

run "$CARAVAN" run long.json --engine plain --output undisturbed
equal 'undisturbed: exit code' 0 "$code"

# start COMMAND...: in the background, until the first units are in the journal; its process is in $started.
start() {
    local header=
    "$@" >out 2>err </dev/null &
    started=$!
    while kill -0 "$started" 2>/dev/null; do
        # nothing is there yet while the journal has its header alone
        if [ -s results/journal ] && [ -z "$header" ]; then header=$(stat -c %s results/journal); fi
        [ -z "$header" ] || [ "$(stat -c %s results/journal)" -le "$header" ] || return 0
        sleep 0.01
    done
}

# stopped NAME SIGNAL COMMAND...: the signal ends the command with 75, quickly, and says so.
stopped() {
    local name=$1 signal=$2 begin
    shift 2
    rm -rf results
    start "$@"
    begin=$SECONDS
    kill -s "$signal" "$started"
    code=0
    wait "$started" || code=$?
    equal "$name: exit code" 75 "$code"
    expect "$name: within ten seconds" [ $((SECONDS - begin)) -le 10 ]
    holds "$name: status" results/status.json '"state": "stopped"'
    holds "$name: message" err 'run the same command again to go on'
}

# goes_on NAME COMMAND...
goes_on() {
    local name=$1
    shift
    run "$@"
    equal "$name, again: exit code" 0 "$code"
    holds "$name, again: what is done is not done again" err 'units of sweep already'
    for file in $(cd undisturbed && find . -name '*.csv' -o -name '*.h5'); do
        expect "$name, again: $file" cmp "undisturbed/$file" "results/$file"
    done
}

one=("$CARAVAN" run long.json --engine plain)
for signal in TERM USR1 INT; do
    stopped "SIG$signal" "$signal" "${one[@]}"
    goes_on "SIG$signal" "${one[@]}"
done

# mpirun passes USR1 on to its ranks, and gives their exit code back.
stopped 'SIGUSR1 to mpirun' USR1 "$MPIEXEC" -n 3 "${one[@]}"
goes_on 'SIGUSR1 to mpirun' "$MPIEXEC" -n 2 "${one[@]}"

rm -rf results
run "${one[@]}" --deadline 11
case $code in
0) say_slow='the machine was quick enough' ;;
*)
    say_slow=
    equal 'deadline: exit code' 75 "$code"
    holds 'deadline: message' err 'the time that is left is short; run the same command again to go on'
    ;;
esac
[ -z "$say_slow" ] || echo "deadline: $say_slow"
rm -rf results
run env SLURM_JOB_END_TIME="$(($(date +%s) + 5))" "${one[@]}"
equal 'the end of a job of Slurm: exit code' 75 "$code"
holds 'the end of a job of Slurm: message' err 'the time that is left is short'
holds 'the end of a job of Slurm: nothing was begun' err 'sweep: saved with 480 of 480 units left'
refused 'a deadline in words' '--deadline must be a whole number' "$CARAVAN" run long.json --deadline soon

finish
