#!/usr/bin/env bash
# models[].attention_from: a job with grafted models, on ranks and from copies on each node, its record of both
# checkpoints, and what is refused.
# shellcheck source=tests/cli/dataset-common.sh
. "$(dirname "$0")/dataset-common.sh"

cp -r "$demo/models/chat-a" "$demo/models/base-1" "$demo/models/chat-b" .
chmod -R u+w chat-a base-1 chat-b
cp "$demo/prompts/harmful.csv" .
graft_job() {
    cat >"$1" <<END
{"models": [{"name": "plain", "path": "chat-a"}, {"name": "self", "path": "chat-a", "attention_from": "chat-a"},
            {"name": "grafted", "path": "chat-a", "attention_from": "base-1"}],
 "prompts": {"harmful": {"file": "harmful.csv", "limit": 6}}, "format": {"kind": "chat"}, "output": "results",
 "subspace": {}, "evaluate": {"groups": ["none", "top:1"], "max_new_tokens": 8}}
END
}
graft_job job.json
h5=uniform_attention/scores.h5
table() { cat "$1/$2/uniform_attention/heads.csv"; }

run "$CARAVAN" run job.json --output whole
equal 'exit code' 0 "$code"
equal 'its own attention changes nothing' "$(table whole plain)" "$(table whole self)"
expect 'another one does' [ "$(table whole plain)" != "$(table whole grafted)" ]
holds 'the manifest names the other model' whole/manifest.json '"attention_from": "base-1"'
for file in chat-a base-1; do
    holds "the manifest has the SHA-256 of $file" whole/manifest.json "$(sha256sum <$file/model.safetensors | cut -d' ' -f1)"
done
expect 'so has scores.h5' grep -q 'attention_sha256' whole/grafted/$h5
expect 'a model of its own has not' bash -c "! grep -q attention_from whole/plain/$h5"
expect 'the journal names both' grep -aq '"model grafted: attention: model.safetensors"' whole/journal

# The first head's Ships from the logits of the other verb, by the same weights: sign and place of the graft.
run "$CARAVAN" logits chat-a --ids 5,17,300 --attention-from base-1 --top 1
equal 'logits: exit code' 0 "$code"
cp out grafted.txt
run "$CARAVAN" logits chat-a --ids 5,17,300 --top 1
expect 'logits: differ' bash -c '! cmp -s out grafted.txt'

run mpirun -n 3 "$CARAVAN" run job.json --output ranks --node-local local
equal 'on ranks, from copies: exit code' 0 "$code"
for file in $(cd whole && find . -name '*.csv' -o -name '*.h5'); do expect "from copies: $file" cmp "whole/$file" "ranks/$file"; done
holds 'from copies: answers end where they do in the original' <(find local -type f) generation_config.json

run "$CARAVAN" verify whole --sample 6
equal 'verify: exit code' 0 "$code"
holds 'verify: nothing differs' <(tail -n 1 out) '0 differ, 0 skipped'

# The oracle with the attention of another: a sweep by the plain engine gives the same scores.
sed 's/"limit": 6/"limit": 2/; s/, "evaluate.*}$/}/' job.json >small.json
for engine in wavefront plain; do
    run "$CARAVAN" run small.json --engine $engine --output $engine --models grafted
    equal "$engine: exit code" 0 "$code"
done
equal 'both engines agree on every head' 48 "$(paste -d, <(sort wavefront/grafted/uniform_attention/heads.csv) \
    <(sort plain/grafted/uniform_attention/heads.csv) | awk -F, '$1 ~ /^[0-9]/ && $1 == $12 && $2 == $13 {
        d = $4 - $15; if (d < 0) d = -d; if (d <= 1e-7 + 1e-4 * $15) n++ } END { print n + 0 }')"

# ---- refusals alone: no head is swept ----

sed 's/"subspace": {}, /"ships": {"enabled": false}, /; s/"none", "top:1"/"none", "random:2"/' job.json >alone.json
run "$CARAVAN" plan alone.json
equal 'plan without scores: exit code' 0 "$code"
expect 'plan without scores: no unit of a sweep' grep -q '^sweep  *0 ' out
expect 'plan without scores: no NaN' bash -c '! grep -qi nan out'
for ranks in 1 3; do
    run mpirun -n $ranks "$CARAVAN" run alone.json --output alone-$ranks
    equal "without scores, $ranks ranks: exit code" 0 "$code"
    expect "without scores, $ranks ranks: no heads.csv" [ ! -e alone-$ranks/grafted/uniform_attention/heads.csv ]
done
for model in plain grafted; do
    table=$model/uniform_attention/asr.csv
    expect "without scores, $model: on ranks too" cmp alone-1/$table alone-3/$table
    equal "without scores, $model: the clean model's answers" "$(grep '^none,' whole/$table)" "$(grep '^none,' alone-1/$table)"
done
run "$CARAVAN" verify alone-1
equal 'without scores: verify' 0 "$code"
holds 'without scores: verify says so' out 'skipped  cells: the job has no Ships'

# ---- what changed, and what does not fit ----

cp base-1/model.safetensors before
cp chat-b/model.safetensors base-1/model.safetensors
run "$CARAVAN" run job.json --output whole
equal 'another donor: exit code' 2 "$code"
holds 'another donor: message' err 'base-1/model.safetensors: has changed since whole/journal was begun'
run "$CARAVAN" verify whole
equal 'another donor: verify finds it' 1 "$code"
holds 'another donor: verify names it' out 'DIFFERS  grafted: model.safetensors is not the file of the run'
mv before base-1/model.safetensors

sed -i 's/"rope_theta": 10000.0/"rope_theta": 5000.0/' base-1/config.json
refused 'another rope' "chat-a: cannot have the attention of base-1: rope_theta is 10000 here and 5000 there" "$CARAVAN" run job.json
rm -r base-1
refused 'a donor that is not there' 'base-1/config.json' "$CARAVAN" run job.json
model small gqa
sed 's/"attention_from": "base-1"/"attention_from": "small"/' job.json >misfit.json
refused 'a donor of another size' 'chat-a: cannot have the attention of small: num_hidden_layers is 6 here and 2 there' \
    "$CARAVAN" run misfit.json
sed 's/"attention_from": "base-1"/"attention_from": ""/' job.json >empty.json
refused 'no name' 'models[2].attention_from is empty' "$CARAVAN" run empty.json

finish
