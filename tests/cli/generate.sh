#!/usr/bin/env bash
# caravan generate: what its options do, and how they are refused.
# shellcheck disable=SC2016 # awk has dollars of its own
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

run "$CARAVAN" --help
holds 'help names generate' out '  generate MODEL_DIR'
run "$CARAVAN" generate --help
equal 'generate --help: exit code' 0 "$code"
holds 'generate --help' out 'usage: caravan generate MODEL_DIR'

# ids FILE ARGUMENT...: the answers' ids into FILE
ids() {
    local file=$1
    shift
    run "$CARAVAN" generate model --ids-only --max-new-tokens 24 "$@"
    equal "generate $*: exit code" 0 "$code"
    holds "generate $*: speed" err ' tokens a second'
    mv out "$file"
}

# ---- one prompt ----

ids clean --prompt Hello
equal 'one answer' 1 "$(wc -l <clean)"
equal '24 tokens' 24 "$(tr -cd , <clean | wc -c | awk '{ print $1 + 1 }')"
run "$CARAVAN" generate model --prompt Hello --max-new-tokens 24
equal 'one line of text' 1 "$(wc -l <out)"
expect 'text and no ids' [ -n "$(cmp out clean || true)" ]
ids plain --prompt Hello --engine plain
expect 'the plain engine answers the same' cmp -s plain clean
run "$CARAVAN" generate model --ids-only --prompt Hello --max-new-tokens 0
equal 'no tokens' '[]' "$(cat out)"

heads=(--ablate uniform_attention:0:1 --ablate value_scale:1:2:0.5 --ablate mean_over_heads:1:0:z)
ids ablated --prompt Hello "${heads[@]}"
expect 'heads matter' [ -n "$(cmp ablated clean || true)" ]
ids plain --prompt Hello "${heads[@]}" --engine plain
expect 'the plain engine answers the same under ablation' cmp -s plain ablated

# ---- many ----

ids all --prompts harmful.csv "${heads[@]}"
equal 'an answer to each prompt' 4 "$(wc -l <all)"
for batch in 1 3 4; do
    ids batch --prompts harmful.csv "${heads[@]}" --batch $batch
    expect "batches of $batch" cmp -s batch all
done
for threads in 1 2 3 4; do
    OMP_NUM_THREADS=$threads ids threads --prompts harmful.csv "${heads[@]}"
    expect "$threads threads" cmp -s threads all
done
ids plain --prompts harmful.csv "${heads[@]}" --engine plain
expect 'plain and batched' cmp -s plain all
ids two --prompts harmful.csv "${heads[@]}" --limit 2
expect 'the first two' cmp -s two <(head -n 2 all)
ids formatted --prompts harmful.csv "${heads[@]}" --format query_answer
expect 'the format matters' [ -n "$(cmp formatted all || true)" ]

# ---- draws ----

draw=(--prompts harmful.csv --top-k 5 --temperature 1.5 --samples 3)
ids drawn "${draw[@]}"
equal 'three answers to each prompt' 12 "$(wc -l <drawn)"
expect 'samples differ' [ "$(sort -u drawn | wc -l)" -gt 4 ]
ids again "${draw[@]}" --seed 0
expect 'the same seed, the same answers' cmp -s again drawn
ids again "${draw[@]}" --batch 5
expect 'the same in other batches' cmp -s again drawn
ids again "${draw[@]}" --engine plain
expect 'the same by the plain engine' cmp -s again drawn
ids other "${draw[@]}" --seed 1
expect 'another seed, other answers' [ -n "$(cmp other drawn || true)" ]
ids greedy --prompts harmful.csv --top-k 1
ids all --prompts harmful.csv
expect 'the likeliest of one is the likeliest' cmp -s greedy all

# ---- the end of an answer ----

fourth=$(tr -d '[]' <clean | cut -d, -f4 | tr -d ' ')
printf '{"eos_token_id": [%s]}' "$fourth" >model/generation_config.json
ids short --prompt Hello
expect 'the answer ends before its end-of-sequence token' \
    awk -v eos="$fourth" -F'[][, ]+' 'NR == FNR { n = split($0, whole); next }
        { for (i = 2; i < NF; i++) if ($i == eos || $i != whole[i]) exit 1; exit !(NF < n) }' clean short
printf '{"eos_token_id": 96}' >model/generation_config.json
refused 'an end that is no token' 'model/generation_config.json: eos_token_id 96 is no token of the model' \
    "$CARAVAN" generate model --prompt Hello
rm model/generation_config.json

# ---- misspelt ----

refused 'no prompt' '--prompt or --prompts is missing' "$CARAVAN" generate model
refused 'both' '--prompt and --prompts exclude each other' "$CARAVAN" generate model --prompt x --prompts harmful.csv
refused 'a limit on one prompt' '--limit is only for --prompts' "$CARAVAN" generate model --prompt x --limit 1
refused 'a seed for nothing' '--seed and --samples are only for --top-k' "$CARAVAN" generate model --prompt x --seed 1
refused 'k of 0' '--top-k is 0' "$CARAVAN" generate model --prompt x --top-k 0
refused 'temperature 0' '--temperature is 0; it must be above 0' \
    "$CARAVAN" generate model --prompt x --top-k 2 --temperature 0
refused 'unknown format' '--format "custom" is unknown' "$CARAVAN" generate model --prompt x --format custom
refused 'system prompt without chat' '--system is only for --format chat' "$CARAVAN" generate model --prompt x --system y
refused 'unknown engine' '--engine "fast" is unknown' "$CARAVAN" generate model --prompt x --engine fast
refused 'no file' 'nowhere.csv' "$CARAVAN" generate model --prompts nowhere.csv
refused 'too long' 'prompt 1 has 101 tokens, and 30 new ones do not fit behind it' \
    "$CARAVAN" generate model --prompt "$(printf 'x%.0s' $(seq 100))" --max-new-tokens 30
refused 'a foreign head' '--ablate value_scale:0:9: the head is 9' \
    "$CARAVAN" generate model --prompt x --ablate value_scale:0:9

finish
