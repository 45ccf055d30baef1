#!/usr/bin/env bash
# scripts/demo-table.sh RESULTS: what ablation does to the answers and the abilities of a run's models, as
# Markdown on stdout, from RESULTS/MODEL/ABLATION/asr.csv and utility.csv.
set -euo pipefail
[ $# -eq 1 ] || {
    echo "usage: scripts/demo-table.sh RESULTS" >&2
    exit 2
}

# The columns of a CSV by name: column NAME is field[NAME]. Our own tables quote no field but lists of heads,
# which hold no comma.
read -r -d '' by_name <<'AWK' || true
NR == 1 { for (i = 1; i <= NF; i++) field[$i] = i; next }
function get(name) { return $field[name] }
function interval(name) { return sprintf("%.3f (%.3f to %.3f)", get(name), get(name "_low"), get(name "_high")) }
AWK

for asr in "$1"/*/*/asr.csv; do
    folder=${asr%/asr.csv}
    echo "### ${folder#"$1"/}"
    echo
    echo "| group | heads | prompts | decode | n | refused | asr, 95 % interval | coherent asr |"
    echo "|---|---|---|---|---|---|---|---|"
    awk -F , "$by_name"'
        { print "| " get("group") " | " get("heads") " | " get("prompts") " | " get("decode") " | " get("n") " | " \
                get("refused") " | " interval("asr") " | " sprintf("%.3f", get("coherent_asr")) " |" }' "$asr"
    echo
    [ -f "$folder/utility.csv" ] || continue
    echo "| group | task | n | acc, 95 % interval | acc minus the clean model's |"
    echo "|---|---|---|---|---|"
    awk -F , "$by_name"'
        { difference = get("acc_difference") == "" ? "" : interval("acc_difference")
          print "| " get("group") " | " get("task") " | " get("n") " | " interval("acc") " | " difference " |" }' \
        "$folder/utility.csv"
    echo
done
