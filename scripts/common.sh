# shellcheck shell=bash
# What demo.sh, test.sh and the scripts share. To be sourced, from the repository's root.

# Colours for people only: not in files, not in continuous integration.
if [ -t 1 ] && [ -z "${CI:-}" ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' red='' plain=''
fi

say() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }
complain() { printf '%s%s%s\n' "$red" "$*" "$plain" >&2; }

# quiet NAME COMMAND...: runs the command with its output in build/NAME.log, shown only if it fails.
quiet() {
    local log="build/$1.log"
    shift
    mkdir -p build
    "$@" >"$log" 2>&1 && return
    local status=$?
    complain "failed (exit $status): $*"
    tail -n 60 "$log" >&2
    complain "the whole output is in $log"
    return "$status"
}

# build PRESET [OPTION...]: configures with the options and builds, in silence.
build() {
    say "building ($1)"
    quiet "configure-$1" cmake --preset "$@" && quiet "build-$1" cmake --build --preset "$1"
}

cores() { nproc 2>/dev/null || echo 1; }

# Open MPI refuses root unless told.
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

passed=0 failed=0 skipped=0

# check NAME COMMAND...: one check, counted; exit code 77 means that it cannot be done here.
check() {
    local name="$1" status=0
    shift
    say "$name"
    "$@" || status=$?
    case "$status" in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) ;;
    *)
        failed=$((failed + 1))
        complain "FAILED: $name"
        ;;
    esac
}

# Prints the count as the last line and ends: well if nothing failed and something passed.
finish() {
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}
