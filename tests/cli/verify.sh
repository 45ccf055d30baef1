#!/usr/bin/env bash
# caravan verify: undisturbed results pass, and every kind of damage is found and named.
# shellcheck source=tests/cli/dataset-common.sh
. "$(dirname "$0")/dataset-common.sh"

if ! command -v h5dump >/dev/null; then
    echo "skipped: h5dump (hdf5-tools) is not installed"
    exit 77
fi

cp "$demo/prompts/harmful.csv" "$demo/prompts/harmless.csv" "$demo/utility.jsonl" .
cp -r "$demo/models/chat-b" "$demo/models/base-1" .
demo_job original.json 'chat-b base-1' 6 3 8 10
sed "s|$demo/prompts/||; s|$demo/models/||g; s|$demo/||; s|\"file\": \"$demo/prompts/harmless|\"file\": \"harmless|" original.json >job.json
chmod -R u+w .
run "$CARAVAN" run job.json
equal 'the run' 0 "$code"
mv results whole

# damaged NAME TEXT COMMAND...: a copy of the results, changed by the command, is found to differ, and a line of
# those that say so holds TEXT.
damaged() {
    local name=$1 text=$2
    shift 2
    rm -rf results
    cp -r whole results
    "$@"
    run "$CARAVAN" verify results
    equal "$name: exit code" 1 "$code"
    grep '^DIFFERS ' out >found || true
    holds "$name: is named" found "$text"
    equal "$name: lines on stderr" 1 "$(grep -c '^caravan: results: ' err)"
    holds "$name: the last line counts" <(tail -n 1 out) ", $(wc -l <found) differ, "
    expect "$name: nothing else differs in the folder" [ -z "$(find results -name '*.part')" ]
}

# ---- as they are ----

sum() { (cd "$1" && find . -type f -exec sha256sum {} + | sort); }
before=$(sum whole)
run "$CARAVAN" verify whole --sample 12
equal 'undisturbed: exit code' 0 "$code"
equal 'undisturbed: bytes on stderr' 0 "$(wc -c <err)"
equal 'undisturbed: lines that are not fine' 1 "$(grep -vc '^fine ' out)"
equal 'undisturbed: cells' 12 "$(grep -c '^fine     cell ' out)"
equal 'undisturbed: angles' 4 "$(grep -c '^fine     angle ' out)"
equal 'undisturbed: tables' 36 "$(grep -c 'written anew it is the same' out)"
holds 'undisturbed: the journal' out 'journal, sweep: '
holds 'undisturbed: the last line' <(tail -n 1 out) "whole: $(grep -c '^fine ' out) checks: $(grep -c '^fine ' out) fine, 0 differ, 0 skipped"
equal 'undisturbed: nothing is changed' "$before" "$(sum whole)"
cut -d: -f1 out | grep ' cell ' >cells
equal 'cells are of both models' 2 "$(grep -o 'cell [^/]*' cells | sort -u | wc -l)"
equal 'and of both ablations' 2 "$(grep -o '/[^ ]*' cells | sort -u | wc -l)"
equal 'and of all layers' 6 "$(grep -o 'L[0-9]' cells | sort -u | wc -l)"
equal 'and of all heads' 8 "$(grep -o 'H[0-9]' cells | sort -u | wc -l)"
run "$CARAVAN" verify whole --sample 12
equal 'the same cells again' "$(cat cells)" "$(cut -d: -f1 out | grep ' cell ')"
run "$CARAVAN" verify whole --sample 12 --seed 1
expect 'others with another seed' [ "$(cat cells)" != "$(cut -d: -f1 out | grep ' cell ')" ]
run "$CARAVAN" verify whole --sample 0
equal 'without cells: exit code' 0 "$code"
equal 'without cells: none' 0 "$(grep -c ' cell ' out || true)"

# ---- scores.h5 ----

scores=results/chat-b/uniform_attention/scores.h5
offset=$(h5dump -p -H -d /harmful/ships whole/chat-b/uniform_attention/scores.h5 | sed -n 's/^ *OFFSET \([0-9]*\).*/\1/p')
expect 'the place of Ships is known' [ "$offset" -gt 0 ]

# flip FILE PLACE BIT
flip() {
    local byte
    byte=$(od -An -t u1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf '%03o' $((byte ^ $3)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
# Value 20 of /harmful/ships: L0H3, prompt 3. Its lowest bit, then its sign.
damaged 'a flipped bit' 'journal, sweep: chat-b/uniform_attention/scores.h5, /harmful: L0H3, number 3' \
    flip "$scores" $((offset + 20 * 8)) 1
damaged 'a negative score' 'scores.h5: /harmful/ships: L0H3, prompt 3 is -' flip "$scores" $((offset + 20 * 8 + 7)) 128
flip_alone() {
    rm results/journal
    flip "$scores" $((offset + 20 * 8 + 6)) 2
}
damaged 'a changed score without the journal' 'chat-b/uniform_attention/heads.csv: line ' flip_alone
truncate_scores() { truncate -s $((offset + 64)) "$scores"; }
damaged 'a cut file' 'chat-b/uniform_attention/scores.h5: ' truncate_scores
damaged 'a missing file' 'base-1/value_scale/scores.h5: ' rm results/base-1/value_scale/scores.h5
change_text() { sed -i 's/single/doubly/; s/KL(p_clean/KL(q_clean/' "$scores"; }
damaged 'a changed attribute' 'chat-b/uniform_attention/scores.h5: its arrays are right, but byte ' change_text

# ---- tables and journal ----

damaged 'a changed heads.csv' 'base-1/uniform_attention/heads.csv: line 2 is ' sed -i '2s/,1,/,2,/' results/base-1/uniform_attention/heads.csv
damaged 'a changed sahara.csv' 'chat-b/value_scale/sahara.csv: line 3 is ' sed -i '3s/^2/9/' results/chat-b/value_scale/sahara.csv
damaged 'a changed asr.csv' 'chat-b/uniform_attention/asr.csv: line 2 is ' sed -i '2s/,greedy,/,greedz,/' results/chat-b/uniform_attention/asr.csv
damaged 'a missing utility.csv' 'base-1/value_scale/utility.csv: ' rm results/base-1/value_scale/utility.csv
damaged 'a flipped bit of the journal' 'journal: its last ' flip results/journal $(($(stat -c %s whole/journal) * 3 / 4)) 4
damaged 'a cut journal' 'journal, utility: has ' truncate -s -2000 results/journal

# ---- inputs ----

with_changed() {
    local file=$1 text=$2
    cp "$file" before
    sed -i "$3" "$file"
    expect "$file changes" test -n "$(cmp before "$file" 2>&1 || true)"
    damaged "a changed $file" "$text" true
    holds "a changed $file: the rest is skipped" out 'skipped  the rest: '
    mv before "$file"
}
with_changed harmful.csv 'harmful: harmful.csv is not the file of the run' '3s/a/b/'
with_changed utility.jsonl 'things: utility.jsonl is not the file of the run' '2s/e/a/'
with_changed chat-b/tokenizer.json 'chat-b: tokenizer.json is not the file of the run' '1s/^{/{ /'
with_changed base-1/config.json 'base-1: config.json is not the file of the run' '1s/^{/{ /'

# Scores of other weights, which all else agrees with: the oracle finds it.
cp chat-b/model.safetensors before
other_weights() {
    cp base-1/model.safetensors chat-b/model.safetensors
    sed -i "s/$(sha256sum <before | cut -d' ' -f1)/$(sha256sum <base-1/model.safetensors | cut -d' ' -f1)/" results/manifest.json
    rm results/journal
}
damaged 'scores of another model' 'cell chat-b/' other_weights
holds 'scores of another model: the angles too' found 'angle chat-b/'
mv before chat-b/model.safetensors

# ---- a run that is not finished ----

rm -rf part
mkdir part
head -c $(($(stat -c %s whole/journal) / 3)) whole/journal >part/journal
run "$CARAVAN" verify part
equal 'without manifest and job: exit code' 2 "$code"
holds 'without manifest and job: message' err 'part: has no manifest.json, as the run is not finished; give its job with --job'
run "$CARAVAN" verify part --job job.json
equal 'a part with a torn end: exit code' 1 "$code"
holds 'a part with a torn end: message' out 'DIFFERS  journal: its last '
holds 'a part with a torn end: belongs here' out 'fine     journal: belongs to this job'
good=$(($(stat -c %s part/journal) - $(sed -n 's/.*journal: its last \([0-9]*\) bytes.*/\1/p' out)))
truncate -s "$good" part/journal
run "$CARAVAN" verify part --job job.json --sample 20
equal 'a part: exit code' 0 "$code"
expect 'a part: cells' [ "$(grep -c '^fine     cell ' out)" -gt 0 ]
sed 's/"value_scale"/"value_scale", "epsilon": 0.5/' job.json >other.json
run "$CARAVAN" verify part --job other.json
equal 'a part of another job: exit code' 1 "$code"
holds 'a part of another job: message' out 'was begun by another job: ablations[1].epsilon was not given and is 0.5'

# ---- usage ----

refused 'no folder' 'nowhere: is no folder' "$CARAVAN" verify nowhere
mkdir empty
refused 'an empty folder' 'empty: has neither manifest.json nor a readable journal' "$CARAVAN" verify empty
refused 'a bad number' '--sample' "$CARAVAN" verify whole --sample many
mv harmful.csv gone.csv
run "$CARAVAN" verify whole
equal 'a missing prompt file: exit code' 2 "$code"
holds 'a missing prompt file: message' err 'harmful.csv'
mv gone.csv harmful.csv

finish
