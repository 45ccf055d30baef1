#!/usr/bin/env bash
# Runs one program under valgrind's memcheck: valgrind.sh PROGRAM [ARGUMENT...]. Any invalid access,
# use of an undefined value or lost block fails it, in the processes that Check forks too.
#
# One OpenMP thread, as valgrind runs threads in turns; a test that asks for more gets them, and those
# that wait must then sleep. The real tokenizers count as absent: their tables take minutes here, and the
# tiny ones in tests/fixtures/text run the same code. Tests that cross many cases take a part of them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if ! command -v valgrind >/dev/null; then
    echo "skipped: valgrind is not installed"
    exit 77
fi
export CARAVAN_SHARED=/absent CARAVAN_SMOLLM2=/absent CARAVAN_TOKENIZERS=/absent CARAVAN_TEST_SPARSE=1
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive CK_DEFAULT_TIMEOUT=1000
exec valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect,possible \
    --errors-for-leak-kinds=definite,indirect,possible --suppressions="$here/valgrind.supp" "$@"
