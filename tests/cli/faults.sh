#!/usr/bin/env bash
# The fault campaign at a small size, each kind of fault once: runs that are killed, whose journal is damaged or whose
# disk is full are taken up by other numbers of ranks, and end with the bytes of a run that nobody disturbed.
# docs/reliability.md has the campaign at full size.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    echo 'skipped: needs Python 3.9 or newer'
    exit 77
fi
export TMPDIR=$scratch
run python3 "$CARAVAN_SOURCE_DIR/tests/faults/campaign.py" --caravan "$CARAVAN" --mpiexec "$MPIEXEC" --seed 1 \
    --runs 10 --at-once 2
cat out err
equal 'the campaign: exit code' 0 "$code"
holds 'the campaign: all runs were resumed, with the same bytes' out '| all | 10 | 10 | 10 |'
finish
