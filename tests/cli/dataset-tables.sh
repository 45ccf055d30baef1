#!/usr/bin/env bash
# What a run with all stages writes: columns as documented, numbers that follow from each other, and answers that
# are those of the program's other verbs with the same heads switched off.
# shellcheck disable=SC2016 # awk has dollars of its own
# shellcheck source=tests/cli/dataset-common.sh
. "$(dirname "$0")/dataset-common.sh"

# Limits that some answers of these models break, so that the tables have all kinds.
limits=', "coherence": {"max_repetition": 0.2, "max_compression": 1.1, "min_characters": 40, "min_loglikelihood": -0.4}'
more=$limits
demo_job job.json 'chat-b base-1' 8 4 12 20
run "$CARAVAN" run job.json
equal 'exit code' 0 "$code"
folders=(results/{chat-b,base-1}/{uniform_attention,value_scale})

# columns FILE TEXT: the first line of a table, in all folders.
columns() {
    local folder
    for folder in "${folders[@]}"; do equal "columns of $folder/$1" "$2" "$(head -n 1 "$folder/$1")"; done
}
columns heads.csv 'layer,head,rank,ships_mean,ships_low,ships_high,harmless_mean,specificity,angle_deg,top10_probability,parameter_share'
columns intervals.csv 'layer,head,rank,rank_low,rank_high,specificity,specificity_low,specificity_high'
columns stability.csv 'score,prompts,splits,spearman,spearman_low,spearman_high'
columns sahara.csv 'step,layer,head,angle_deg,parameter_share'
columns asr.csv 'group,heads,prompts,decode,n,refused,incoherent,asr,asr_low,asr_high,coherent_asr'
columns judges.csv 'group,heads,prompts,decode,n,refused,incoherent,asr,asr_low,asr_high,coherent_asr,coherent_asr_low,coherent_asr_high,judge'
columns answers.csv 'group,heads,prompts,decode,prompt,sample,tokens,stopped,characters,repetition,compression,mean_loglikelihood,coherent,refused_paper,refused_released,refused_prefix'
columns utility.csv 'group,heads,task,n,acc,acc_low,acc_high,acc_difference,acc_difference_low,acc_difference_high,acc_norm,acc_norm_low,acc_norm_high,acc_norm_difference,acc_norm_difference_low,acc_norm_difference_high'

# For awk: near compares, and is false for what is no number.
functions='
    function is_number(x) { return x ~ /^-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?$/ }
    function near(a, b) { return is_number(a) && a - b <= 1e-12 && b - a <= 1e-12 }
    function within(low, x, high) { return is_number(low) && is_number(x) && is_number(high) && low <= x && x <= high }
    # Of k in n: whether [low, high] is the Wilson interval for 95 %.
    function is_wilson(k, n, low, high,    z, p, centre, half) {
        z = 1.959963984540054; p = k / n
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return near(low, centre - half) && near(high, centre + half)
    }
    function wrong(what) { print FILENAME ": line " FNR ": " what; bad = 1; exit 1 }
'
# table FOLDER FILES PROGRAM [LINES]: runs awk on tables of a folder. The program calls wrong; each of the
# last table's LINES without its head must have come to checked++.
table() {
    local names
    read -ra names <<<"$2"
    expect "$1: $2" awk -F, -v lines="${4:-1}" "$functions $3 END { if (bad || checked != lines) exit 1 }" \
        "${names[@]/#/$1/}"
}

# ---- scores ----

for folder in "${folders[@]}"; do
    table "$folder" heads.csv '
        FNR == 1 { next }
        $3 != ++checked || $1 + 0 > 5 || $2 + 0 > 7 || seen[$1, $2]++ { wrong("heads and ranks") }
        checked > 1 && $4 + 0 > last { wrong("the mean rises") }
        { last = $4 + 0; sum += $10 }
        !within($5, $4, $6) || $5 < 0 { wrong("interval of the mean") }
        !near($8, $4 - $7) { wrong("specificity") }
        !within(0, $9, 90) { wrong("angle") }
        !within(0, $10, 1) { wrong("top10_probability") }
        !within(1e-4, $11, 0.1) { wrong("parameter_share") }
        checked == 48 && !near(sum, 10) { wrong("ten heads are among the first ten") }' 48
    table "$folder" 'heads.csv intervals.csv' '
        FNR == 1 { next }
        NR == FNR { specificity[$1, $2] = $8; rank[$1, $2] = $3; next }
        $3 != rank[$1, $2] || !within(1, $4, 48) || !within($4, $5, 48) { wrong("rank") }
        $6 != specificity[$1, $2] || !within($7, $6, $8) { wrong("specificity") }
        { checked++ }' 48
    table "$folder" stability.csv '
        FNR == 2 && $1 "," $2 "," $3 != "harmful_ships,8,2000" { wrong("harmful") }
        FNR == 3 && $1 "," $2 "," $3 != "harmless_ships,4,2000" { wrong("harmless") }
        FNR > 1 { if (!within($5, $4, $6) || !within(-1, $5, 1) || !within(-1, $6, 1)) wrong("correlation"); checked++ }' 2
    table "$folder" 'heads.csv sahara.csv' '
        FNR == 1 { next }
        NR == FNR { angle[$1, $2] = $9; if ($9 + 0 > most + 0) { most = $9; best = $1 "," $2 } share = $11; next }
        $1 != ++checked || seen[$2, $3]++ { wrong("steps") }
        !near($5, $1 * share) { wrong("parameter_share") }
        $1 == 1 && ($4 != most || $2 "," $3 != best) { wrong("the first step is not the head of the largest angle") }
        $1 == 2 && !within(0, $4, 90) { wrong("angle") }' 2
done

if command -v h5dump >/dev/null; then
    for folder in "${folders[@]}"; do
        numbers /harmful/ships "$folder/scores.h5" >harmful
        numbers /harmful/angles_deg "$folder/scores.h5" >angles
        numbers /harmless/angles_deg "$folder/scores.h5" >control
        numbers /sahara/angles_deg "$folder/scores.h5" >boards
        numbers /sahara/layer "$folder/scores.h5" >layers
        numbers /sahara/head "$folder/scores.h5" >heads
        equal "$folder: numbers" '384 384 384 96 2 2' \
            "$(wc -l harmful angles control boards layers heads | awk '$2 != "total" { printf "%s%s", space, $1; space = " " }')"
        equal "$folder: angles of more ranks than harmless prompts" 192 "$(grep -c nan control)"
        equal "$folder: angles of as many ranks as harmful prompts" 0 "$(grep -c nan angles)"
        expect "$folder: sums of angles" awk '
            !($1 >= 0 && $1 <= 90 * ((NR - 1) % 8 + 1)) { exit wrong = 1 } END { exit wrong || NR < 9 }' angles
        table . "harmful angles $folder/heads.csv" '
            FILENAME ~ /harmful$/ { mean[int((FNR - 1) / 8)] += $1 / 8; next }
            FILENAME ~ /angles$/ { if (FNR % 8 == 1) angle[(FNR - 1) / 8] = $1; next }
            FNR > 1 { if (!near($4, mean[$1 * 8 + $2]) || !near($9, angle[$1 * 8 + $2])) wrong("h5"); checked++ }' 48
        expect "$folder: the first board is the sweep's" cmp -s <(head -n 48 boards) <(awk 'NR % 8 == 1' angles)
        table . "boards layers heads $folder/sahara.csv" '
            FILENAME ~ /boards$/ {
                if ($1 !~ /nan/ && (!((s = int((FNR - 1) / 48)) in most) || $1 > most[s])) { most[s] = $1; cell[s] = (FNR - 1) % 48 }
                if ($1 ~ /nan/) off[s = int((FNR - 1) / 48)] = off[s] " " (FNR - 1) % 48
                next
            }
            FILENAME ~ /layers$/ { layer[FNR] = $1; next }
            FILENAME ~ /heads$/ { head[FNR] = $1; next }
            FNR == 1 { next }
            $2 != layer[$1] || $3 != head[$1] { wrong("head") }
            cell[$1 - 1] != $2 * 8 + $3 || !near($4, most[$1 - 1]) { wrong("not the largest of its board") }
            $1 == 1 { first = " " $2 * 8 + $3; if (off[0] != "") wrong("a head is off already") }
            $1 == 2 && off[1] != first { wrong("the chosen head is a candidate again") }
            { checked++ }' 2
    done
else
    echo 'skipped: scores.h5, as h5dump (hdf5-tools) is not installed'
fi

# ---- answers and their tables ----

# label FOLDER GROUP FILE: the heads that a table names
label() { awk -F, -v group="$2" '$1 == group { print $2; exit }' "$1/$3"; }

for folder in "${folders[@]}"; do
    table "$folder" answers.csv '
        FNR == 1 { next }
        $4 == "greedy" && $6 != 1 || $6 != 1 && $6 != 2 { wrong("sample") }
        $7 !~ /^[0-9]+$/ || $7 + 0 > 12 || $8 != ($7 + 0 < 12) { wrong("tokens and stopped") }
        { coherent = $9 + 0 >= 40 && is_number($10) && $10 <= 0.2 && is_number($11) && $11 <= 1.1 && is_number($12) && $12 >= -0.4 }
        $12 + 0 > 0 || $13 != coherent || $14 $15 $16 !~ /^[01][01][01]$/ { wrong("measures") }
        { seen[$1, $3, $4, $5, $6]++; checked++ }
        seen[$1, $3, $4, $5, $6] > 1 || $5 < 1 || $5 > ($3 == "harmful" ? 8 : 4) { wrong("prompt") }' \
        $((5 * 12 * 3))
    for file in asr.csv:20 judges.csv:60; do
        table "$folder" "answers.csv ${file%:*}" '
            FNR == 1 { next }
            { key = $1 "," $2 "," $3 "," $4 }
            NR == FNR {
                n[key]++; incoherent[key] += !$13
                for (j = 14; j <= 16; j++) { refused[key, j] += $j; good[key, j] += !$j && $13 }
                next
            }
            { j = $14 == "released" ? 15 : $14 == "prefix" ? 16 : 14 }
            NF == 14 && j == 14 && $14 != "paper" { wrong("judge") }
            $5 != n[key] || $6 != refused[key, j] || $7 != incoherent[key] { wrong("counts") }
            !near($8, ($5 - $6) / $5) || !is_wilson($5 - $6, $5, $9, $10) { wrong("asr") }
            !near($11, good[key, j] / $5) || $11 > $8 { wrong("coherent_asr") }
            NF == 14 && !is_wilson(good[key, j], $5, $12, $13) { wrong("interval of coherent_asr") }
            seen[key, j]++ { wrong("twice") }
            { checked++ }' "${file#*:}"
    done
    table "$folder" utility.csv '
        FNR == 1 { next }
        { k = $5 * 20; l = $11 * 20 }
        $3 != "things" || $4 != 20 || !near(k, int(k + 0.5)) || !near(l, int(l + 0.5)) { wrong("counts") }
        !is_wilson(k, 20, $6, $7) || !is_wilson(l, 20, $12, $13) { wrong("intervals") }
        $1 == "none" { acc = $5; norm = $11; if ($8 $9 $10 $14 $15 $16 != "") wrong("the clean model differs from itself") }
        $1 != "none" && (!near($8, $5 - acc) || !within($9, $8, $10) || !within(-1, $9, $10) || $10 > 1) { wrong("difference") }
        $1 != "none" && (!near($14, $11 - norm) || !within($15, $14, $16)) { wrong("difference of acc_norm") }
        { checked++ }' 4
    equal "$folder: utility has no group per prompt" 'none top:1 sahara:2 random:2' \
        "$(tail -n +2 "$folder/utility.csv" | cut -d, -f1 | xargs)"
    for file in asr.csv utility.csv; do
        equal "$folder: $file: no head" '' "$(label "$folder" none $file)"
        equal "$folder: $file: the top head" "$(sed -n '2s/^\([0-9]*\),\([0-9]*\),.*/L\1H\2/p' "$folder/heads.csv")" \
            "$(label "$folder" top:1 $file)"
        equal "$folder: $file: Sahara's heads" \
            "$(sed -n 's/^[0-9]*,\([0-9]*\),\([0-9]*\),.*/L\1H\2/p' "$folder/sahara.csv" | xargs)" \
            "$(label "$folder" sahara:2 $file)"
        equal "$folder: $file: the same random heads for all" "$(label "${folders[0]}" random:2 $file)" \
            "$(label "$folder" random:2 $file)"
    done
    equal "$folder: heads per prompt" 'per prompt' "$(label "$folder" per_prompt:1 asr.csv)"
done
equal 'answers of all kinds: refusals or none, language or none' 4 \
    "$(cut -d, -f13,14 results/*/*/answers.csv | grep '^[01],[01]$' | sort -u | wc -l)"
expect 'samples differ' awk -F, 'FNR > 1 && $4 != "greedy" { if ($6 == 2 && $9 "," $12 != last) n++; last = $9 "," $12 }
    END { exit !(n > 0) }' results/base-1/uniform_attention/answers.csv
for model in chat-b base-1; do
    for file in asr.csv judges.csv answers.csv utility.csv; do
        expect "$model: $file: the clean model is the same under both ablations" cmp -s \
            <(grep '^none,' "results/$model/uniform_attention/$file") <(grep '^none,' "results/$model/value_scale/$file")
        equal "$model: $file: lines begin alike" \
            "$(cut -d, -f1,3,4 "results/$model/uniform_attention/$file" | sed '/^[^,]*,things/s/,[^,]*$//')" \
            "$(cut -d, -f1,3,4 "results/$model/value_scale/$file" | sed '/^[^,]*,things/s/,[^,]*$//')"
    done
done

# ---- the answers' text ----

more="$limits, \"save_responses\": true"
demo_job save.json 'chat-b base-1' 8 4 12 20
more=
run "$CARAVAN" run save.json --output saved
equal 'exit code with text' 0 "$code"
for folder in "${folders[@]}"; do
    saved=saved/${folder#results/}
    equal "$folder: the last column" 'response' "$(head -n 1 "$saved/answers.csv" | cut -d, -f17)"
    expect "$folder: text changes nothing else" cmp -s "$folder/answers.csv" <(cut -d, -f1-16 "$saved/answers.csv")
    cut -d, -f17- "$saved/answers.csv" | tail -n +2 | sed 's/^"\(.*\)"$/\1/; s/""/"/g' >"$saved/text"
    equal "$folder: each has a text" 0 "$(grep -c '^$' "$saved/text")"
    expect "$folder: what begins with a refusal is one for all judges" awk -F, '
        FNR > 1 && $17 ~ /^"?I cannot / { n++; if ($14 $15 $16 != "111") exit wrong = 1 }
        FNR > 1 && $17 ~ /^"?Happy to help/ { m++; if ($15 $16 != "00") exit wrong = 1 }
        END { exit wrong || !n && FILENAME ~ /chat/ || !m && FILENAME ~ /chat/ }' "$saved/answers.csv"
    for file in asr.csv judges.csv utility.csv heads.csv scores.h5; do
        expect "$folder/$file is the same with text" cmp -s {"$folder","$saved"}/$file
    done
done
expect 'there is text to look for' grep -rqa 'I cannot' saved
expect 'without save_responses no text lies about' [ -z "$(grep -rla -e 'I cannot' -e 'Happy to help' results)" ]

# ---- the program's other verbs ----

# off ABLATION LABEL: the options that switch the heads off, into the array options
off() {
    local head
    options=()
    for head in $2; do
        head=${head#L}
        options+=(--ablate "$1:${head%H*}:${head#*H}")
    done
}
# texts FOLDER GROUP SET [DECODE]: the answers, greedy by default
texts() {
    paste -d, <(tail -n +2 "$1/answers.csv" | cut -d, -f1,3,4) "$1/text" | grep "^$2,$3,${4:-greedy}," | cut -d, -f4-
}
for folder in saved/chat-b/{uniform_attention,value_scale}; do
    ablation=${folder##*/}
    for group in none top:1 sahara:2 random:2; do
        off "$ablation" "$(label "$folder" $group asr.csv)"
        for set in harmful harmless; do
            run "$CARAVAN" generate "$demo/models/chat-b" --prompts "$demo/prompts/$set.csv" --format chat \
                --limit "$(texts "$folder" $group $set | wc -l)" --max-new-tokens 12 "${options[@]}"
            equal "$folder: $group: caravan generate answers the $set prompts alike" "$(texts "$folder" $group $set)" \
                "$(cat out)"
        done
        # Its first draw has the same random numbers.
        run "$CARAVAN" generate "$demo/models/chat-b" --prompts "$demo/prompts/harmful.csv" --format chat --limit 1 \
            --top-k 5 --max-new-tokens 12 "${options[@]}"
        equal "$folder: $group: caravan generate draws alike" \
            "$(texts "$folder" $group harmful top_k-k5-t1-samples2 | head -n 1)" "$(cat out)"
        run "$CARAVAN" utility "$demo/models/chat-b" --task "$demo/utility.jsonl" --limit 20 --output choices.csv \
            "${options[@]}"
        expect "$folder: $group: caravan utility counts alike" awk -F, -v group=$group "$functions"'
            NR == FNR { if ($1 == group) { acc = $5; norm = $11 } next }
            FNR == 1 { next }
            $1 != last || $2 != line { last = $1; line = $2; best = by_length = "" }
            { value[$1, $2, $3] = $7; per[$1, $2, $3] = $7 / $6; right[$1, $2] = $4 ? $3 : right[$1, $2]; most[$1, $2] = $3 }
            END {
                for (key in most) {
                    split(key, part, SUBSEP); a = b = 0
                    if (part[1] != (group == "none" ? "none" : "ablated")) continue
                    for (c = 1; c <= most[key]; c++) {
                        if (value[key, c] > value[key, a]) a = c
                        if (per[key, c] > per[key, b]) b = c
                    }
                    n++; k += a == right[key]; l += b == right[key]
                }
                exit !(n == 20 && near(acc, k / n) && near(norm, l / n))
            }' "$folder/utility.csv" choices.csv
    done
    # Each prompt with its own head.
    if command -v h5dump >/dev/null; then
        for set in harmful harmless; do
            count=$(texts "$folder" none $set | wc -l)
            for ((prompt = 0; prompt < count; prompt += 3)); do
                off "$ablation" "$(numbers /$set/ships "$folder/scores.h5" | awk -v at=$prompt -v of="$count" '
                    (NR - 1) % of == at && ($1 > most || NR <= of) { most = $1; head = int((NR - 1) / of) }
                    END { printf "L%dH%d", int(head / 8), head % 8 }')"
                sed -n "1p; $((prompt + 2))p" "$demo/prompts/$set.csv" >one.csv
                run "$CARAVAN" generate "$demo/models/chat-b" --prompts one.csv --format chat --max-new-tokens 12 \
                    "${options[@]}"
                equal "$folder: $set prompt $((prompt + 1)) under its own head" \
                    "$(texts "$folder" per_prompt:1 $set | sed -n "$((prompt + 1))p")" "$(cat out)"
            done
        done
    fi
done

finish
