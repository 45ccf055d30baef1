#!/usr/bin/env bash
# Rooms of src/ depend downward only, and src/cluster alone knows of MPI: numerics take no
# communicator. Looks at the #include lines of src/ and include/caravan/.
set -euo pipefail
cd "$(dirname "$0")/.."

# From the foundation up, as in src/CMakeLists.txt.
order='base model text engine score sweep store stats cluster report cli'

mapfile -t files < <(find src include/caravan -name '*.[ch]' | sort)
awk -v order="$order" '
function complain(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; wrong = 1 }
BEGIN {
    for (i = split(order, names, " "); i > 0; i--) rank[names[i]] = i
    rank["decode"] = rank["engine"] # include/caravan/decode.h: the engine has two headers
}
FNR == 1 {
    # src/ROOM/NAME.c or include/caravan/ROOM.h
    split(FILENAME, part, "/")
    room = part[1] == "src" ? part[2] : part[3]
    sub(/\.h$/, "", room)
    if (!(room in rank)) complain("\"" room "\" is no room; add it to the order in scripts/check-rooms.sh")
}
/^[ \t]*#[ \t]*include/ {
    if ($0 ~ /[<"]mpi\.h[>"]/ && room != "cluster") complain("only src/cluster may include mpi.h")
    if (match($0, /"[a-z]+\//)) used = substr($0, RSTART + 1, RLENGTH - 2)
    else if (match($0, /<caravan\/[a-z]+/)) used = substr($0, RSTART + 9, RLENGTH - 9)
    else next
    if (used == "version") next
    if (!(used in rank)) complain("includes \"" used "\", which is no room")
    else if (rank[used] > rank[room]) complain(room " must not reach up to " used)
}
END { exit wrong }
' "${files[@]}"
