#!/usr/bin/env bash
# How much later a run ends when a rank is stopped (SIGSTOP) in the middle of a unit and not woken: RANKS ranks (by
# default 4) whose UNITS units a rank (by default 6) sleep for MILLISECONDS (by default 1000). The last rank stops in
# its first unit, in each following one, or not at all. Seconds are those from the first unit to the launcher's end.
#
#   scripts/measure-stalled.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

ranks=${RANKS:-4} units=${UNITS:-6} milliseconds=${MILLISECONDS:-1000}
[ -x build/release/tests/measure_dispatch ] || build release
export OMP_NUM_THREADS=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1

# seconds STOP: of a run whose last rank stops in that unit; in $code its exit code.
seconds() {
    local output
    code=0
    output=$(mpirun -n "$ranks" --bind-to none build/release/tests/measure_dispatch "$units" "$milliseconds" 4096 "$1" \
        2>/dev/null) || code=$?
    took=$(awk -v end="$EPOCHREALTIME" '/^begins at / { print end - $3 }' <<<"$output")
}

seconds 0
undisturbed=$took
printf 'undisturbed: %.1f s\n' "$undisturbed"
for stop in $(seq "$units"); do
    seconds "$stop"
    awk -v took="$took" -v base="$undisturbed" -v unit="$milliseconds" -v stop="$stop" -v code="$code" 'BEGIN {
        printf "stopped in its unit %d: %.1f s, %.2f unit times later, exit code %d\n", stop, took,
            (took - base) * 1000 / unit, code }'
done
