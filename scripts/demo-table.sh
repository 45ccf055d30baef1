#!/usr/bin/env bash
# scripts/demo-table.sh RESULTS: what ablation does to the answers and the abilities of a run's models, and which
# heads they share, as Markdown on stdout, from RESULTS/MODEL/ABLATION/asr.csv and utility.csv and
# RESULTS/overlap_nulls.csv.
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

[ -f "$1/overlap_nulls.csv" ] || exit 0
echo "### Heads that the models share: the top 10 of each"
echo
echo "bases: whether the two models grew from one base model. p: the probability of sharing so many heads if they lay"
echo "anywhere (uniform), anywhere within their layers, or where harmless prompts put them but for residuals that are"
echo "permuted over all heads or within layers (docs/overlap.md)."
echo
echo "| score | bases | models | shared, 95 % interval | by chance | p uniform | p layers | p general | p general, layers | RBO | tau, 95 % interval |"
echo "|---|---|---|---|---|---|---|---|---|---|---|"
for bases in same other unknown; do
    awk -F , -v bases="$bases" "$by_name"'
        function range(name) { return get(name "_low") == "" ? "" : sprintf(" (%.3g to %.3g)", get(name "_low"), get(name "_high")) }
        get("bases") == bases && get("k") == 10 && (get("score") == "ships" || get("score") == "angle") {
            print "| " get("score") " | " bases " | " get("model_a") ", " get("model_b") " | " get("shared") range("shared") " | " \
                sprintf("%.2f | %.2g | %.2g | %.2g | %.2g | %.3f", get("expected_uniform"), get("p_uniform"), get("p_layers"), \
                    get("p_general"), get("p_general_layers"), get("rbo")) " | " sprintf("%.3f", get("kendall_tau")) range("tau") " |" }' \
        "$1/overlap_nulls.csv"
done
