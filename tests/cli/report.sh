#!/usr/bin/env bash
# The report: at the end of a run, made again from its files, and refused where there are none.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
export OMP_NUM_THREADS=1

model second mqa-3-layers
job sweep.json '"subspace": {"rank": 1}, "sahara": {"steps": 2},
    "evaluate": {"groups": ["none", "top:1", "sahara:2"], "max_new_tokens": 4}'

# ---- at the end of a run ----

run "$CARAVAN" run sweep.json
equal 'exit code' 0 "$code"
holds 'where the report is' out 'report: '
report=results/report.html
for text in '<!DOCTYPE html>' 'Caravan: ' 'sahara:2' '</html>'; do holds 'the page' "$report" "$text"; done
for figure in ships angles asr top; do
    expect "a picture: $figure" [ -s "results/figures/$figure.m.uniform_attention.svg" ]
done
for table in heads sahara asr-table; do
    for kind in md tex; do expect "a table: $table.$kind" [ -s "results/tables/$table.m.uniform_attention.$kind" ]; done
done
expect 'no prompt is on the page' [ -z "$(grep -F 'How to' "$report" || true)" ]
expect 'nothing is fetched' [ -z "$(grep -oE '(src|href)="[^#"][^"]*"|url\(|@import' "$report" || true)" ]

# ---- made again ----

sum() { find results/report.html results/figures results/tables -type f -exec sha256sum {} + | sort -k 2; }
sum >before
cp -r results elsewhere
rm -r results/report.html results/figures results/tables
run "$CARAVAN" report results
equal 'again: exit code' 0 "$code"
equal 'again: stdout' 'report: results/report.html' "$(cat out)"
equal 'again: stderr' 0 "$(wc -c <err)"
sum >after
expect 'the same bytes' cmp -s before after
run "$CARAVAN" report elsewhere --output page.html
equal 'elsewhere: stdout' 'report: page.html' "$(cat out)"
expect 'a page of its own, the same' cmp -s page.html "$report"
expect 'pictures are well-formed XML' python3 - <<'END'
import glob, xml.etree.ElementTree
files = glob.glob("results/figures/*.svg")
for file in files:
    xml.etree.ElementTree.parse(file)
raise SystemExit(len(files) < 5)
END

# ---- a page that cannot be made ----

sed 's/"output": "results"/"output": "pageless"/' sweep.json >pageless.json
mkdir pageless
touch pageless/figures # where its folder would be
run "$CARAVAN" run pageless.json
equal 'no page: exit code' 0 "$code"
holds 'no page: what to do' err 'the results are complete, and caravan report makes their page again'
holds 'no page: results' out 'results: '
expect 'no page: none is promised' [ -z "$(grep '^report: ' out || true)" ]
holds 'no page: status' pageless/status.json '"done"'
rm pageless/figures
run "$CARAVAN" report pageless
equal 'no page: made again' 0 "$code"
echo kept >victim
ln -s ../victim pageless/report.html.part
run "$CARAVAN" report pageless
equal 'a link in the way: exit code' 0 "$code"
equal 'a link in the way: not followed' kept "$(cat victim)"

# ---- a comparison of runs ----

sed 's/"path": "model"/"path": "second"/; s/"m"/"other"/; s/"output": "results"/"output": "second-results"/' sweep.json >second.json
run "$CARAVAN" run second.json
equal 'second run: exit code' 0 "$code"
run "$CARAVAN" overlap results second-results --output compared
equal 'overlap: exit code' 0 "$code"
run "$CARAVAN" report compared
equal 'comparison: exit code' 0 "$code"
for text in 'Caravan: comparison of models' 'How concentrated the scores are' 'other'; do
    holds 'comparison: the page' compared/report.html "$text"
done
expect 'comparison: a picture' [ -s compared/figures/depth.svg ]

# ---- refused ----

mkdir empty
run "$CARAVAN" report empty
equal 'empty: exit code' 2 "$code"
holds 'empty: message' err 'empty/manifest.json: is not there; name the results folder of a run that is done'
equal 'empty: nothing is left' '' "$(ls empty)"
rm elsewhere/m/uniform_attention/heads.csv elsewhere/report.html
run "$CARAVAN" report elsewhere
equal 'no heads: exit code' 2 "$code"
holds 'no heads: message' err 'elsewhere/m/uniform_attention/heads.csv: cannot be opened'
expect 'no heads: no page' [ ! -e elsewhere/report.html ]
run "$CARAVAN" report results --output nowhere/page.html
equal 'no folder: exit code' 2 "$code"
holds 'no folder: message' err '--output nowhere/page.html: nowhere cannot be written in'
run "$CARAVAN" report
equal 'no results: exit code' 2 "$code"
holds 'no results: message' err 'RESULT_DIR is missing; see caravan report --help'

finish
