# shellcheck shell=bash
# What the checks on real models share, beside scripts/common.sh. To be sourced, from the repository's
# root. Sets caravan and python; installs and builds what is missing.
. scripts/common.sh

scripts/dependencies.sh build test
[ -x build/release/bin/caravan ] || build release
caravan=$PWD/build/release/bin/caravan
# shellcheck disable=SC2034 # for the scripts that source this
python=$(scripts/reference-python.sh)

# The harmful questions: those of MaliciousInstruct in $CARAVAN_SHARED/data (by default ../shared beside
# the repository); where they are absent, mild ones of our own stand in, and that is said.
prompts=${CARAVAN_SHARED:-../shared}/data/maliciousinstruct.csv
if [ -f "$prompts" ]; then
    prompts=$(realpath "$prompts")
else
    say "skipped: $prompts is absent (set CARAVAN_SHARED); made-up prompts stand in"
    skipped=$((skipped + 1))
    prompts=$PWD/tests/real/prompts.csv
fi

# A run on two ranks of one thread each, on whatever cores there are.
run_on_two_ranks() {
    OMP_NUM_THREADS=1 mpirun -n 2 --bind-to none --oversubscribe "$caravan" run "$@"
}
