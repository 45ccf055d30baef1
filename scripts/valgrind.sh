#!/usr/bin/env bash
# Runs one program under valgrind's memcheck: valgrind.sh PROGRAM [ARGUMENT...]. Any invalid access,
# use of an undefined value or lost block fails it, in the processes that Check forks too.
#
# One OpenMP thread: with more, libgomp keeps its pool of threads to the end, which counts as lost.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

export OMP_NUM_THREADS=1 CK_DEFAULT_TIMEOUT=600
exec valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect,possible \
    --errors-for-leak-kinds=definite,indirect,possible --suppressions="$here/valgrind.supp" "$@"
