#!/usr/bin/env bash
# caravan utility on the demo's questions against what plain transformers made of them, and the ways in
# which it is refused.
# shellcheck disable=SC2016 # awk has dollars of its own
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

demo="$CARAVAN_SOURCE_DIR/jobs/demo"
expected="$CARAVAN_SOURCE_DIR/tests/fixtures/loglikelihood"
heads=(--ablate uniform_attention:1:6 --ablate uniform_attention:3:6)

# ---- against the reference ----

run "$CARAVAN" utility "$demo/models/chat-b" --task "$demo/utility.jsonl" "${heads[@]}" --output choices.csv
equal 'exit code' 0 "$code"
equal 'stderr' 0 "$(wc -c <err)"
head -n 1 choices.csv >header
equal 'header' "$(cat header)" "$(head -n 1 "$expected/chat-b-none.csv")"
for group in none ablated; do
    { cat header && grep "^$group," choices.csv; } >"$group.csv"
    equal "$group: rows" "$(wc -l <"$expected/chat-b-$group.csv")" "$(wc -l <"$group.csv")"
    equal "$group: choices, tokens and lengths" "$(cut -d, -f1-6 "$expected/chat-b-$group.csv")" \
        "$(cut -d, -f1-6 "$group.csv")"
    # Each log-likelihood within 1e-4; counted, so that what is no number counts against it.
    equal "$group: log-likelihoods" "$(($(wc -l <"$group.csv") - 1))" "$(paste -d, "$expected/chat-b-$group.csv" "$group.csv" |
        awk -F, 'NR > 1 && $7 < 0 && $14 < 0 && ($7 - $14) ^ 2 <= 1e-8 { n++ } END { print n + 0 }')"
done

# accuracy GROUP MEASURE: as the reference's choices have it, the first of equals.
accuracy() {
    awk -F, -v norm="$2" 'NR > 1 {
        value = norm == "acc" ? $7 : $7 / $6
        if (!($2 in best) || value > best[$2]) { best[$2] = value; right[$2] = $4 }
    } END { for (line in right) { n++; sum += right[line] } printf "%.4f", sum / n }' "$expected/chat-b-$1.csv"
}
holds 'number of questions' out '72 questions, 216 choices'
for group in none ablated; do
    for measure in acc acc_norm; do
        equal "$group: $measure" "$(accuracy $group $measure)" \
            "$(awk -v g=$group -v m=$measure '$1 == g && $2 == m { print $3 }' out)"
    done
done
equal 'lines of differences' 2 "$(grep -c '^difference ' out)"

# ---- options ----

run "$CARAVAN" utility "$demo/models/chat-b" --task "$demo/utility.jsonl" --limit 5
equal 'limit: exit code' 0 "$code"
holds 'limit' out '5 questions, 20 choices'
equal 'no heads, no comparison' 2 "$(grep -c '^none ' out)"
equal 'no heads, nothing else' 3 "$(wc -l <out)"
OMP_NUM_THREADS=1 run "$CARAVAN" utility "$demo/models/chat-b" --task "$demo/utility.jsonl" "${heads[@]}" --output one.csv
expect 'the same bytes with one thread' cmp choices.csv one.csv

# ---- refused ----

model="$demo/models/chat-b" question='{"context": "A frost cake is", "choices": ["food.", "poison."], "answer": 0}'
task() { printf '%s\n' "$@" >task.jsonl; }
task "$question"
refused 'no task' '--task is missing; see caravan utility --help' "$CARAVAN" utility "$model"
refused 'no model' 'MODEL_DIR is missing' "$CARAVAN" utility --task task.jsonl
refused 'no such task' 'none.jsonl' "$CARAVAN" utility "$model" --task none.jsonl
refused 'no such head' '--ablate uniform_attention:6:0: the layer is 6' "$CARAVAN" utility "$model" --task task.jsonl \
    --ablate uniform_attention:6:0
refused 'no such folder' 'nowhere cannot be written in' "$CARAVAN" utility "$model" --task task.jsonl \
    --output nowhere/x.csv
refused 'limit 0' '--limit is 0' "$CARAVAN" utility "$model" --task task.jsonl --limit 0
task "$question" '' '{"context": "A frost cake is", "choices": ["food.", "poison."], "answer": 2}'
refused 'bad line' 'task.jsonl: line 3: answer is 2' "$CARAVAN" utility "$model" --task task.jsonl --output x.csv
expect 'nothing is left behind' test ! -e x.csv
task "$(awk 'BEGIN { printf "{\"context\": \""; for (i = 0; i < 600; i++) printf "cake "; print "\", \"choices\": [\"a\", \"b\"], \"answer\": 0}" }')"
refused 'too long' 'has 512 positions' "$CARAVAN" utility "$model" --task task.jsonl

finish
