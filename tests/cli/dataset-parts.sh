#!/usr/bin/env bash
# Jobs that have some of the stages only, and jobs whose stages do not fit the model or its inputs.
# shellcheck disable=SC2016 # awk has dollars of its own
# shellcheck source=tests/cli/dataset-common.sh
. "$(dirname "$0")/dataset-common.sh"
model other mqa-3-layers

printf '{"context": "Bread is", "choices": ["to eat", "to wear"], "answer": %d}\n' 0 1 0 >task.jsonl
utility='"utility": [{"name": "things", "file": "task.jsonl"}]'

# two FILE [JSON]: a job for two models with 8 and 12 heads, of both sets of prompts.
two() {
    cat >"$1" <<END
{"models": [{"name": "m", "path": "model"}, {"name": "wide", "path": "other"}], "output": "results",
 "prompts": {"harmful": {"file": "harmful.csv"}, "harmless": {"file": "harmless.txt"}}${2:+, $2}}
END
}
# files MODEL/ABLATION: what a run left there.
files() { (cd "$1" && echo *); }
sweep_files='heads.csv intervals.csv scores.h5 stability.csv'

# ---- some of the stages ----

two job.json
run "$CARAVAN" run job.json --output ships
equal 'Ships alone: exit code' 0 "$code"
equal 'Ships alone: files' "$sweep_files" "$(files ships/wide/uniform_attention)"
equal 'Ships alone: no angle' '' "$(sed -n 2p ships/wide/uniform_attention/heads.csv | cut -d, -f9)"

two job.json '"subspace": {"rank": 2}'
run "$CARAVAN" run job.json --output both
equal 'Ships and angles: exit code' 0 "$code"
equal 'Ships and angles: files' "$sweep_files" "$(files both/wide/uniform_attention)"
two job.json '"subspace": {"rank": 2}, "ships": {"enabled": false}'
run "$CARAVAN" run job.json --output angles
equal 'angles alone: exit code' 0 "$code"
equal 'angles alone: files' 'heads.csv scores.h5' "$(files angles/wide/uniform_attention)"
for model in m wide; do
    expect "$model: Ships do not depend on angles" cmp -s \
        <(cut -d, -f1-8,10- "ships/$model/uniform_attention/heads.csv") \
        <(cut -d, -f1-8,10- "both/$model/uniform_attention/heads.csv")
    expect "$model: angles do not depend on Ships" cmp -s \
        <(cut -d, -f1,2,9,11 "both/$model/uniform_attention/heads.csv" | sort) \
        <(cut -d, -f1,2,9,11 "angles/$model/uniform_attention/heads.csv" | sort)
    expect "$model: without Ships, heads rank by angle" awk -F, 'NR > 1 {
        if ($3 != NR - 1 || $4 $5 $6 $7 $8 $10 != "" || NR > 2 && $9 + 0 > last + 0) exit wrong = 1; last = $9 }
        END { exit wrong || NR < 9 }' "angles/$model/uniform_attention/heads.csv"
done
if command -v h5ls >/dev/null; then
    equal 'without Ships, scores.h5 has none' 0 "$(h5ls -r angles/m/uniform_attention/scores.h5 | grep -c ships)"
    equal 'with both, it has them for both sets' 2 "$(h5ls -r both/m/uniform_attention/scores.h5 | grep -c ships)"
else
    echo 'skipped: what scores.h5 holds, as h5ls (hdf5-tools) is not installed'
fi

two job.json '"sahara": {"steps": 8}, "ships": {"enabled": false}'
run "$CARAVAN" run job.json
equal 'as many steps as heads: exit code' 0 "$code"
equal 'as many steps as heads: files' 'heads.csv sahara.csv scores.h5' "$(files results/m/uniform_attention)"
equal 'as many steps as heads: each head once' 8 \
    "$(tail -n +2 results/m/uniform_attention/sahara.csv | cut -d, -f2,3 | sort -u | wc -l)"
rm -rf results

two job.json "\"evaluate\": {\"max_new_tokens\": 3, $utility}"
run "$CARAVAN" run job.json
equal 'groups by default: exit code' 0 "$code"
for file in asr.csv utility.csv; do
    equal "groups by default: $file" 'none random:1 top:1' \
        "$(tail -n +2 "results/m/uniform_attention/$file" | cut -d, -f1 | sort -u | xargs)"
done
equal 'by default the paper judges' paper "$(tail -n +2 results/m/uniform_attention/judges.csv | cut -d, -f14 | sort -u)"
rm -rf results

two job.json "\"ships\": {\"enabled\": false}, \"sahara\": {\"steps\": 2},
    \"evaluate\": {\"decode\": [], \"groups\": [\"sahara:1\", \"random:2\"], $utility}"
run "$CARAVAN" run job.json
equal 'utility without answers: exit code' 0 "$code"
equal 'utility without answers: files' 'heads.csv sahara.csv scores.h5 utility.csv' "$(files results/m/uniform_attention)"
equal 'without the clean model there is no difference to it' ',,,,,' \
    "$(sed -n 2p results/m/uniform_attention/utility.csv | cut -d, -f8-10,14-16)"
rm -rf results

job job.json '"evaluate": {"max_new_tokens": 115, "groups": ["none"]}' # behind the 13 tokens of prompt 1
sed -i 's/harmful.csv"/harmful.csv", "limit": 1/' job.json
run "$CARAVAN" run job.json
equal 'an answer up to the last position' 0 "$code"
rm -rf results

# ---- the same prompts twice ----

two job.json '"evaluate": {"max_new_tokens": 6, "groups": ["per_prompt:2", "none"],
    "decode": [{"kind": "greedy"}, {"kind": "top_k", "k": 20, "temperature": 2}]}'
sed -i 's/harmless.txt/harmful.csv/' job.json
run "$CARAVAN" run job.json
equal 'the same prompts twice: exit code' 0 "$code"
for model in m wide; do
    expect "$model: what is the same in both sets is not specific" awk -F, '
        NR > 1 && ($4 != $7 || $8 != "0") { exit wrong = 1 } END { exit wrong || NR < 9 }' \
        "results/$model/uniform_attention/heads.csv"
    # their measures, in place of the answers
    measures() { grep "^$1,[^,]*,$2,$3," "results/$model/uniform_attention/answers.csv" | cut -d, -f5-; }
    for group in none per_prompt:2; do
        equal "$model: $group: the likeliest answers are the same" "$(measures $group harmful greedy)" \
            "$(measures $group harmless greedy)"
        expect "$model: $group: draws for one set are not those for the other" \
            [ "$(measures $group harmful top_k-k20-t2)" != "$(measures $group harmless top_k-k20-t2)" ]
    done
    equal "$model: 4 answers each" 4 "$(measures none harmful top_k-k20-t2 | wc -l)"
done
rm -rf results

# ---- two heads that are off together, found by the search or as a group that shares a key head ----

job job.json '"sahara": {"steps": 2}, "subspace": {"rank": 2},
    "ablations": [{"kind": "value_scale"}, {"kind": "value_scale", "granularity": "kv_group"}]'
run "$CARAVAN" run job.json
equal 'pairs: exit code' 0 "$code"
if command -v h5dump >/dev/null; then
    numbers /sahara/angles_deg results/m/value_scale/scores.h5 >boards
    numbers /harmful/angles_deg results/m/value_scale-kv_group/scores.h5 >pairs
    read -r layer head <<<"$(sed -n '2s/^1,\([0-9]*\),\([0-9]*\),.*/\1 \2/p' results/m/value_scale/sahara.csv)"
    # 2 layers of 4 heads, 2 to a key head; 8 angles of each pair. The other head of the pair is one off.
    step=$(sed -n "$((8 + layer * 4 + (head ^ 1) + 1))p" boards)
    pair=$(sed -n "$(((layer * 2 + head / 2) * 8 + 2))p" pairs)
    expect "the second step's angle of L${layer}H$((head ^ 1)), $step, is that of the pair, $pair" \
        awk -v a="$step" -v b="$pair" 'BEGIN { exit !(a > 0 && a - b <= 1e-5 * b && b - a <= 1e-5 * b) }'
fi
rm -rf results

# ---- refused ----

# no JSON NAME TEXT: refused with these keys by one rank.
no() {
    two bad.json "$1"
    refused "$2" "$3" "$CARAVAN" run bad.json
}
no '"evaluate": {"max_new_tokens": 116}' 'answers past the positions' \
    'harmful.csv: prompt 1 has 13 tokens, and with 116 more of an answer it leaves the 128 positions of model'
seq -s ' ' 60 >harmless-long.txt
two bad.json '"evaluate": {"max_new_tokens": 3}'
sed -i 's/harmless.txt/harmless-long.txt/' bad.json
refused 'a harmless prompt past the positions' 'harmless-long.txt: prompt 1 has ' "$CARAVAN" run bad.json
no '"subspace": {"rank": 3}' 'more angles than harmless prompts' 'subspace.rank is 3, but there are only 2 harmless prompts'
no '"subspace": {"rank": 5}' 'more angles than prompts' 'subspace.rank is 5, but there are only 4 harmful prompts'
no '"evaluate": {"groups": ["random:8", "top:9"]}' 'heads that the smaller model lacks' \
    'evaluate.groups[1] is "top:9", but model m has 8 heads'
no '"evaluate": {"groups": ["per_prompt:9"]}' 'heads of a prompt that the model lacks' \
    'evaluate.groups[0] is "per_prompt:9", but model m has 8 heads'
no '"evaluate": {"groups": ["random:4"]}, "ablations": [{"kind": "value_scale", "granularity": "kv_group"}]' \
    'groups of heads that the model lacks' 'evaluate.groups[0] is "random:4", but model wide has 3'
no '"sahara": {"steps": 13}' 'more steps than heads' 'sahara.steps is 13, but model m has 8 heads'

# broken LINE NAME TEXT: a utility file whose third line is LINE.
broken() {
    { head -n 2 task.jsonl; printf '%s\n' "$1"; head -n 1 task.jsonl; } >broken.jsonl
    two bad.json '"evaluate": {"decode": [], "utility": [{"name": "things", "file": "broken.jsonl"}]}'
    refused "$2" "broken.jsonl: line 3: $3" "$CARAVAN" run bad.json
}
broken '{"context": "Bread is", "choices": ["to eat", "to wear"], "answer": 0' 'a torn line' 'column '
broken '{"context": "Bread is", "choices": ["to eat", "to wear"]}' 'no answer' 'answer is missing'
broken '{"context": "Bread is", "choices": ["to eat", "to wear"], "answer": 2}' 'an answer past the choices' \
    'answer is 2; it must lie between 0 and 1'
broken '["Bread is", "to eat"]' 'a line that is no object' 'a line must hold one JSON object'
broken "{\"context\": \"$(seq -s ' ' 60)\", \"choices\": [\"to eat\", \"to wear\"], \"answer\": 0}" \
    'a question past the positions' 'context and choice 0 have '
run mpirun -n 3 "$CARAVAN" run bad.json
equal 'a broken utility file: exit code of three ranks' 2 "$code"
equal 'a broken utility file: lines of three ranks' 1 "$(grep -c '^caravan: ' err)"
holds 'a broken utility file: message of three ranks' err 'broken.jsonl: line 3: '
expect 'a broken utility file: three ranks leave no results' [ ! -e results ]
no '"evaluate": {"utility": [{"name": "things", "file": "gone.jsonl"}]}' 'no utility file' 'gone.jsonl'

# Found when the states are there: prompts that are all the same span one direction.
printf 'Same\nSame\nSame\n' >same.txt
job same.json '"subspace": {"rank": 2}, "sahara": {"steps": 2}'
sed -i 's/harmful.csv/same.txt/' same.json
for ranks in 1 2; do
    run mpirun -n "$ranks" "$CARAVAN" run same.json
    equal "prompts without a subspace, $ranks ranks: exit code" 2 "$code"
    holds "prompts without a subspace, $ranks ranks: message" err 'have no subspace of rank 2; lower subspace.rank'
    expect "prompts without a subspace, $ranks ranks: no results" [ ! -e results ]
done

finish
