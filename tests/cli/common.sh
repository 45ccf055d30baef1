# shellcheck shell=bash
# What the tests of the program share: a scratch folder with two tiny models and a job, and checks
# that count. To be sourced. CTest sets CARAVAN, CARAVAN_SOURCE_DIR and MPIEXEC.
set -euo pipefail
export LC_ALL=C

: "${CARAVAN:?the built program}" "${CARAVAN_SOURCE_DIR:?}" "${MPIEXEC:?}"
fixtures="$CARAVAN_SOURCE_DIR/tests/fixtures/models"
tokenizer="$CARAVAN_SOURCE_DIR/tests/cli/data/tokenizer.json" # each printable character is a token

scratch=$(mktemp -d "${TMPDIR:-/tmp}/caravan-cli-XXXXXX")
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
cd "$scratch"

checks=0 failures=0

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    failures=$((failures + 1))
}

# expect NAME COMMAND...: the command must succeed.
expect() {
    local name=$1
    shift
    checks=$((checks + 1))
    "$@" || fail "$name"
}

# equal NAME WANTED FOUND
equal() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fail "$1: wanted \"$2\", found \"$3\""
}

# holds NAME FILE TEXT: the file must contain the text.
holds() {
    checks=$((checks + 1))
    grep -qF -- "$3" "$2" || fail "$1: \"$3\" is not in $2: $(head -c 400 "$2")"
}

# One that checks nothing has not passed.
finish() {
    printf '%d checks, %d failures\n' "$checks" "$failures"
    [ "$checks" -gt 0 ] && [ "$failures" -eq 0 ]
}

# run COMMAND...: leaves stdout in out, stderr in err, the exit code in code.
run() {
    code=0
    "$@" >out 2>err </dev/null || code=$?
}

# refused NAME TEXT COMMAND...: exit code 2, one line on stderr that holds TEXT, nothing on stdout, and
# no results folder.
refused() {
    local name=$1 text=$2
    shift 2
    rm -rf results
    run "$@"
    equal "$name: exit code" 2 "$code"
    equal "$name: lines on stderr" 1 "$(wc -l <err)"
    holds "$name: message" err "$text"
    expect "$name: begins with the program's name" grep -q '^caravan: ' err
    equal "$name: bytes on stdout" 0 "$(wc -c <out)"
    expect "$name: leaves no results" [ ! -e results ]
}

# model FOLDER FIXTURE: a copy that may be damaged.
model() {
    rm -rf "$1"
    mkdir -p "$1"
    cp "$fixtures/$2"/config.json "$fixtures/$2"/*.safetensors* "$tokenizer" "$1"
    chmod -R u+w "$1"
}

# job FILE [JSON]: a job for the model in "model", with more keys behind.
job() {
    cat >"$1" <<END
{"models": [{"name": "m", "path": "model"}], "prompts": {"harmful": {"file": "harmful.csv"}}, "output": "results"${2:+, $2}}
END
}

# How the tests start ranks: more than there are cores, not pinned.
mpirun() { command "$MPIEXEC" "$@"; }

model model gqa
job job.json
cat >harmful.csv <<'END'
goal,number
How to bake?,1
How to bake bread?,2
"What, now?",3
How to bake a cake at night?,4
END
printf 'Tell me of it\nTell me more\n' >harmless.txt
