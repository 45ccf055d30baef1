#!/usr/bin/env bash
# A sweep that was ended in the middle goes on, on any number of ranks, and its results are byte by byte those
# of a run that was not disturbed. What a journal does not belong to is refused. dataset-killed.sh does the
# same in the later stages.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
export OMP_NUM_THREADS=1

# Many prompts, and the least memory that is enough, make many units, so that there is a middle to end it in.
seq 1 40 | sed 's/.*/How to bake & loaves of bread for & guests?/' >many.txt
model other mqa-3-layers
job_of() {
    cat >"$1" <<END
{"models": [{"name": "m", "path": "model"}, {"name": "other", "path": "other"}], "output": "results",
 "prompts": {"harmful": {"file": "many.txt"}, "harmless": {"file": "harmless.txt"}},
 "ablations": [{"kind": "uniform_attention"}, {"kind": "value_scale", "epsilon": 0.5}], "engine": {"memory_gib": $2}}
END
}
budgets=$(awk "BEGIN { for (g = 1e-3; g > 1e-6; g *= 0.8) print g }")
for gib in $budgets; do
    job_of tight.json "$gib"
    run "$CARAVAN" plan tight.json
    [ "$code" -eq 0 ] || break
    cp tight.json job.json
done

tables() { (cd "$1" && find . -name scores.h5 -o -name '*.csv' | sort); }

# same NAME FOLDER WHOLE: all tables of the folder are those of the undisturbed run.
same() {
    local file
    equal "$1: tables" "$(tables "$3")" "$(tables "$2")"
    for file in $(tables "$3"); do expect "$1: $file" cmp -s "$3/$file" "$2/$file"; done
}

size() { stat -c %s "$1"; }
from_journal() { sed -n 's/.*"units_from_journal": \([0-9]*\).*/\1/p' "$1/manifest.json" | tail -n 1; }
leases() { find "$1" -name '.journal-lease*'; }

# went_on NAME FOLDER WHOLE: a run that ended well, that had a part of the units from the journal.
went_on() {
    equal "$1: exit code" 0 "$code"
    expect "$1: some units were there" [ "$(from_journal "$2")" -gt 0 ]
    expect "$1: some were not" [ "$(from_journal "$2")" -lt "$units" ]
    equal "$1: no lease is left" '' "$(leases "$2")"
    same "$1" "$2" "$3"
}

# ---- whole ----

run "$CARAVAN" run job.json --output whole
equal 'a whole run' 0 "$code"
units=$(sed -n 's/.*"units_done": \([0-9]*\).*/\1/p' whole/status.json)
expect "$units units are many" [ "$units" -ge 20 ]
expect 'the journal stays' [ -s whole/journal ]
equal 'no lease is left' '' "$(leases whole)"
equal 'nothing was there before' 0 "$(from_journal whole)"
holds 'the journal says what it belongs to' whole/journal '"ablations[1].epsilon": "0.5"'
holds 'and to which files' whole/journal "$(sha256sum <many.txt | cut -d' ' -f1)"

# ---- a finished run again: the tables are written, and nothing is computed ----

cp -r whole again
rm again/*/*/*.h5 again/*/*/*.csv
sum=$(sha256sum <whole/journal)
run mpirun -n 2 "$CARAVAN" run job.json --output again
equal 'a finished run again' 0 "$code"
holds 'says so' err "again/journal: has all $units units"
holds 'computes nothing' again/manifest.json '"operations": 0,'
holds 'still prints the tables' out 'm, uniform_attention: top '
holds 'is done' again/status.json '"state": "done"'
equal 'all units come from the journal' "$units" "$(from_journal again)"
equal 'the journal did not change' "$sum" "$(sha256sum <again/journal)"
same 'a finished run again' again whole

# ---- a journal that ends in the middle of a record ----

for ranks in 1 2 3 4; do
    rm -rf torn
    mkdir torn
    head -c $(($(size whole/journal) * (ranks + 3) / 8 + ranks)) whole/journal >torn/journal
    run mpirun -n "$ranks" "$CARAVAN" run job.json --output torn
    holds "torn, $ranks ranks: the end is cut off" err 'are torn or damaged and are cut off'
    went_on "torn, $ranks ranks" torn whole
done

# A byte flipped in the middle: what follows is not believed.
mkdir flipped
cp whole/journal flipped
place=$(($(size whole/journal) * 3 / 4))
byte=$(od -An -t u1 -j "$place" -N 1 whole/journal)
# shellcheck disable=SC2059 # the format is the byte
printf "\\$(printf '%03o' $((byte ^ 16)))" | dd of=flipped/journal bs=1 seek="$place" conv=notrunc status=none
run mpirun -n 2 "$CARAVAN" run job.json --output flipped
holds 'flipped: the rest is cut off' err 'are torn or damaged and are cut off'
went_on 'flipped' flipped whole

# A byte flipped in the header: it cannot be told what the records are of.
mkdir header
cp whole/journal header
printf '~' | dd of=header/journal bs=1 seek=100 conv=notrunc status=none
run "$CARAVAN" run job.json --output header
equal 'damaged header: exit code' 0 "$code"
holds 'damaged header: message' err 'header/journal: is damaged from its beginning on, so it is moved to'
expect 'damaged header: kept' [ -s header/.journal-damaged ]
equal 'damaged header: all is computed' 0 "$(from_journal header)"
same 'damaged header' header whole

# ---- killed: by the plain engine, which is slow enough for that ----

run "$CARAVAN" run job.json --engine plain --output plain
equal 'a whole run of the plain engine' 0 "$code"

# Killed processes leave what MPI keeps in files: it goes with the scratch folder.
export TMPDIR=$scratch OMPI_MCA_btl_vader_backing_directory=$scratch OMPI_MCA_btl_sm_backing_directory=$scratch

# try_run FOLDER RANKS PERCENT: mpirun in the background, in a session of its own, with rank 0 stopped when so
# much of the journal is there. mpirun is $started, and rank 0 $first. Fails if the run was over before.
try_run() {
    local i wanted=$(($(size plain/journal) * $3 / 100))
    rm -rf "$1"
    setsid "$MPIEXEC" -n "$2" "$CARAVAN" run job.json --engine plain --output "$1" >started.out 2>started.err \
        </dev/null &
    started=$!
    for ((i = 0; i < 6000; i++)); do
        [ -e "$1/journal" ] && [ "$(size "$1/journal")" -gt "$wanted" ] && break
        kill -0 "$started" 2>/dev/null || break
        sleep 0.01
    done
    first=$(sed -n 's/^pid //p' "$1/.journal-lease" 2>/dev/null)
    [ -n "$first" ] && kill -STOP "$first" 2>/dev/null && [ ! -e "$1/manifest.json" ] && return
    [ -z "$first" ] || kill -CONT "$first" 2>/dev/null || true
    wait "$started" || true
    return 1
}

start_run() {
    local tries=10
    until try_run "$@" || [ $((--tries)) -eq 0 ]; do :; done
    expect "a run is stopped in the middle, ranks: $2" [ "$tries" -gt 0 ]
}

# ended PID: waits until the process is gone, or only its status is left.
ended() {
    local i state
    for ((i = 0; i < 3000; i++)); do
        state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 0
        case "$state" in '' | [ZX]*) return 0 ;; esac
        sleep 0.01
    done
    return 1
}

for ranks in 1 2 3; do
    start_run killed "$ranks" $((50 + 10 * ranks))
    kill -KILL -- "-$started" "$first"
    wait "$started" 2>/dev/null || true
    expect "killed, $ranks ranks: rank 0 has ended" ended "$first"
    holds "killed, $ranks ranks: was at work" killed/status.json '"state": "running"'
    expect "killed, $ranks ranks: wrote no results" [ ! -e killed/manifest.json ]
    expect "killed, $ranks ranks: its lease is left" [ -e killed/.journal-lease ]
    truncate -s -$((ranks * 7)) killed/journal
    run mpirun -n $((4 - ranks)) "$CARAVAN" run job.json --engine plain --output killed
    went_on "killed, $ranks ranks" killed plain
done

# ---- two at once ----

start_run twice 2 60
run mpirun -n 2 "$CARAVAN" run job.json --engine plain --output twice
equal 'a second run at once: exit code' 2 "$code"
equal 'a second run at once: lines' 1 "$(grep -c '^caravan: ' err)"
holds 'a second run at once: message' err "twice/.journal-lease: process $first on $(uname -n) is writing these results"
kill -CONT "$first"
code=0
wait "$started" || code=$?
equal 'the first goes on' 0 "$code"
holds 'the first goes on' twice/status.json '"state": "done"'
equal 'the first goes on: no lease is left' '' "$(leases twice)"
same 'the first goes on' twice plain

# ---- what a journal does not belong to ----

# changed NAME TEXT ARGUMENT...: refused, and the results stay as they are.
changed() {
    local name=$1 text=$2
    shift 2
    run "$CARAVAN" run "$@" --output whole
    equal "$name: exit code" 2 "$code"
    equal "$name: lines on stderr" 1 "$(wc -l <err)"
    holds "$name: message" err "$text"
    holds "$name: remedy" err 'choose another output'
    equal "$name: the journal is untouched" "$sum" "$(sha256sum <whole/journal)"
    equal "$name: no lease is left" '' "$(leases whole)"
    holds "$name: the state is untouched" whole/status.json '"state": "done"'
    expect "$name: the manifest is untouched" [ -e whole/manifest.json ]
}
changed 'another engine' '--engine was wavefront and is plain' job.json --engine plain
sed 's/0\.5/0.25/' job.json >changed.json
changed 'another epsilon' 'ablations[1].epsilon was 0.5 and is 0.25' changed.json
sed 's/"memory_gib": [^}]*}/"memory_gib": 1}/' job.json >changed.json
changed 'another budget' 'engine.memory_gib was ' changed.json

# with_changed FILE COMMAND...: while the command has changed the file
with_changed() {
    local file=$1
    shift
    cp "$file" before
    "$@" "$file"
    if cmp -s before "$file"; then fail "$file does not change"; fi
    changed "a changed $file" "$file: has changed since whole/journal was begun" job.json
    mv before "$file"
}
with_changed many.txt sed -i 1d
with_changed harmless.txt sed -i s/more/less/
with_changed model/config.json sed -i '1s/^{/{ /'
with_changed model/tokenizer.json sed -i '1s/^{/{ /'

mkdir foreign
echo 'Dear diary' >foreign/journal
run "$CARAVAN" run job.json --output foreign
equal 'a foreign journal: exit code' 2 "$code"
holds 'a foreign journal: message' err 'foreign/journal: is not a journal of Caravan'
equal 'a foreign journal: nothing else is there' journal "$(ls -A foreign)"

# The same files in other places, and the job's keys in another order, are the same.
mkdir -p elsewhere/jobs
cp -r model other many.txt harmless.txt elsewhere
cat >elsewhere/jobs/moved.json <<END
{"engine": {"memory_gib": $(sed -n 's/.*"memory_gib": \([^}]*\)}.*/\1/p' job.json)}, "output": "results", "name": "moved",
 "prompts": {"harmless": {"file": "../harmless.txt"}, "harmful": {"file": "../many.txt"}},
 "ablations": [{"kind": "uniform_attention"}, {"epsilon": 5e-1, "kind": "value_scale"}],
 "models": [{"path": "../model", "name": "m"}, {"path": "../other", "name": "other"}]}
END
run "$CARAVAN" run elsewhere/jobs/moved.json --output whole
equal 'moved files: exit code' 0 "$code"
equal 'moved files: all units are kept' "$units" "$(from_journal whole)"
rm -r whole
run "$CARAVAN" run job.json --output whole # as it was: scores.h5 names the files' places
equal 'the whole again' 0 "$code"

# ---- a full disk: a limit of the files' size has the same effect ----

# Not for what MPI writes itself when there is more than one rank, or none that mpirun starts.
full_disk() {
    # shellcheck disable=SC2016 # for the inner shell
    run mpirun -n 1 bash -c 'trap "" XFSZ; ulimit -f "$1"; shift; exec "$@"' limited \
        $(($(size whole/journal) * 3 / 4 / 1024)) "$CARAVAN" run job.json --output full
    equal 'a full disk: exit code' 1 "$code"
    holds 'a full disk: message' err 'full/journal: cannot be written: '
    holds 'a full disk: remedy' err 'run the same command again'
    holds 'a full disk: state' full/status.json '"state": "failed"'
    run mpirun -n 2 "$CARAVAN" run job.json --output full
    went_on 'with room again' full whole
}

if "$CARAVAN" --version | grep -q MPICH; then
    echo "skipped: a full disk: MPICH itself writes files when it begins, and cannot under a limit; cli.faults has one" >&2
else
    full_disk
fi

finish
