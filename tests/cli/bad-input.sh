#!/usr/bin/env bash
# Each kind of bad input: one clear line, exit code 2, and no results folder.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# ---- surgery on model.safetensors: 8 bytes of header length, the header (JSON), the data ----

weights=model/model.safetensors

# little_endian NUMBER: as 8 bytes
little_endian() {
    local i
    for i in 0 1 2 3 4 5 6 7; do
        # shellcheck disable=SC2059
        printf "\\$(printf '%03o' $((($1 >> (8 * i)) & 255)))"
    done
}

# Not "tail | head": head would close the pipe on tail, which pipefail takes for a failure.
header() { head -c $((8 + $(header_length))) "$weights" | tail -c +9; }
header_length() { od -An -t u8 -N 8 "$weights" | tr -d ' '; }

# edit_header SED_PROGRAM: the header changed, the data as they were
edit_header() {
    local length
    length=$(header_length)
    header >old
    sed "$1" old >new
    tail -c +$((9 + length)) "$weights" >data
    if cmp -s old new; then fail "edit_header $1 changes nothing"; fi
    { little_endian "$(wc -c <new)"; cat new data; } >"$weights"
}

# offset_of TENSOR: where its data begin in the file
offset_of() {
    local begin
    begin=$(header | sed "s/.*\"$1\":{[^}]*\"data_offsets\":\[\([0-9]*\),.*/\1/")
    echo $((8 + $(header_length) + begin))
}

# poke OFFSET BYTES: overwrites some bytes of the weights
poke() { printf '%b' "$2" | dd of="$weights" bs=1 seek="$1" conv=notrunc status=none; }

# with_model NAME TEXT COMMAND...: runs the job after COMMAND has damaged a fresh model
with_model() {
    local name=$1 text=$2
    shift 2
    model model gqa
    "$@"
    refused "$name" "$text" "$CARAVAN" run job.json
}

edit_config() { sed -i "$1" model/config.json; }
cut_weights() { truncate -s "$1" "$weights"; }
long_header() { little_endian 1000000000000 | dd of="$weights" bs=1 conv=notrunc status=none; }

with_model 'no model' 'model' rm -r model
with_model 'no config' 'config.json' rm model/config.json
with_model 'no weights' 'safetensors' rm "$weights"
with_model 'no tokenizer' 'tokenizer.json' rm model/tokenizer.json
with_model 'truncated weights' 'model.safetensors' cut_weights 50000
with_model 'weights cut in the header' 'model.safetensors' cut_weights 100
with_model 'weights of 4 bytes' 'model.safetensors' cut_weights 4
with_model 'empty weights' 'model.safetensors' cut_weights 0
with_model 'header past the end' 'model.safetensors' long_header
with_model 'header that is no JSON' 'model.safetensors' edit_header 's/^{/[/'
with_model 'integer weights' 'I32' edit_header 's/"F32"/"I32"/'
with_model 'half the bytes' 'model.layers.0.' edit_header 's/\("model.layers.0.mlp.up_proj.weight":{[^}]*\)"F32"/\1"F16"/'
with_model 'wrong shape' 'model.embed_tokens.weight' \
    edit_header 's/\("model.embed_tokens.weight":{[^}]*"shape":\)\[96,32\]/\1[32,96]/'
with_model 'overlapping tensors' 'model.safetensors' \
    edit_header 's/\("model.norm.weight":{[^}]*"data_offsets":\)\[[0-9]*,[0-9]*\]/\1[0,128]/'
with_model 'missing tensor' 'model.norm.weight' edit_header 's/"model.norm.weight"/"model.nrom.weight"/'
with_model 'unknown architecture' 'GPT2LMHeadModel' edit_config 's/LlamaForCausalLM/GPT2LMHeadModel/'
with_model 'a config that is no JSON' 'config.json' edit_config 's/{/[/'
with_model 'sizes that do not fit' 'model' edit_config 's/"hidden_size": 32/"hidden_size": 33/'
with_model 'a huge layer count' 'num_hidden_layers' \
    edit_config 's/"num_hidden_layers": 2/"num_hidden_layers": 99999999999/'

# Weights that are not finite are found at the first forward pass, and named with their layer.
poison() { poke $(($(offset_of "$1") + 4 * 5)) "$2"; }
with_model 'NaN in layer 1' 'model.layers.1.' poison model.layers.1.mlp.down_proj.weight '\x00\x00\xc0\x7f'
with_model 'Inf in layer 0' 'model.layers.0.' poison model.layers.0.self_attn.q_proj.weight '\x00\x00\x80\x7f'
with_model 'NaN in the final norm' 'model.norm' poison model.norm.weight '\x00\x00\xc0\x7f'
with_model 'Inf in the output projection' 'lm_head' poison lm_head.weight '\x00\x00\x80\xff'

# A shard that is missing.
rm -rf model
model model sharded
rm "$(find model -name '*.safetensors' | sort | head -n 1)"
refused 'missing shard' 'safetensors' "$CARAVAN" run job.json

# A tokenizer of another model.
model model gqa
sed -i 's/95/96/g' model/tokenizer.json
refused 'ids past the vocabulary' 'vocab_size' "$CARAVAN" run job.json
model model gqa

# ---- the job file ----

refused 'no job file' 'nowhere.json' "$CARAVAN" run nowhere.json
refused 'a folder for a job' 'not a regular file' "$CARAVAN" run model
printf '{"models": [' >broken.json
refused 'malformed job' 'broken.json' "$CARAVAN" run broken.json
job bad.json '"ablation": []'
refused 'unknown key' 'bad.json: unknown key ablation; did you mean "ablations"?' "$CARAVAN" run bad.json
job bad.json '"engine": {"precision": "bf16"}'
refused 'a later stage' 'bad.json: engine.precision bf16 is not implemented yet' "$CARAVAN" run bad.json
# with_keys NAME TEXT JSON: the job with these keys
with_keys() {
    job bad.json "$3"
    refused "$1" "bad.json: $2" "$CARAVAN" run bad.json
}
with_keys 'no top heads' 'overlap.top_k has 0; numbers of heads lie between 1 and' '"overlap": {"top_k": [0]}'
with_keys 'nothing to compute' 'ships.enabled is false' '"ships": {"enabled": false}'
with_keys 'too many angles' 'subspace.rank is 9; it must lie between 1 and 8' '"subspace": {"rank": 9}'
with_keys 'an unknown state' 'subspace.state "embed" is unknown' '"subspace": {"state": "embed"}'
with_keys 'more angles than prompts' 'subspace.rank is 5, but there are only 4 harmful prompts' '"subspace": {"rank": 5}'
with_keys 'no step' 'sahara.steps is 0; it must lie between 1 and 64' '"sahara": {"steps": 0}'
with_keys 'more steps than heads' 'sahara.steps is 9, but model m has 8 heads' '"sahara": {"steps": 9}'
with_keys 'an unknown group' 'evaluate.groups[1] "best:1" is unknown' '"evaluate": {"groups": ["none", "best:1"]}'
with_keys 'a group without its stage' 'evaluate.groups[0] is "sahara:1"; add sahara' '"evaluate": {"groups": ["sahara:1"]}'
with_keys 'a group past the search' 'evaluate.groups[0] is "sahara:3", but sahara.steps is 2' \
    '"sahara": {"steps": 2}, "evaluate": {"groups": ["sahara:3"]}'
with_keys 'a group past the model' 'evaluate.groups[0] is "top:9", but model m has 8 heads' \
    '"evaluate": {"groups": ["top:9"]}'
with_keys 'a group twice' 'evaluate.groups[1] "none" is there twice' '"evaluate": {"groups": ["none", "none"]}'
with_keys 'nothing to decode' 'evaluate.decode is empty' '"evaluate": {"decode": []}'
with_keys 'k of none' 'evaluate.decode[0].k is 0' '"evaluate": {"decode": [{"kind": "top_k", "k": 0}]}'
with_keys 'k past the vocabulary' 'evaluate.decode[0].k is 97, but model m has 96 tokens' \
    '"evaluate": {"decode": [{"kind": "top_k", "k": 97}]}'
with_keys 'no temperature' 'evaluate.decode[0].temperature is 0; use 1e-06 or more, or the kind greedy' \
    '"evaluate": {"decode": [{"kind": "top_k", "temperature": 0}]}'
with_keys 'an unknown judge' 'evaluate.judges[0] "me" is unknown' '"evaluate": {"judges": ["me"]}'
job bad.json '"engine": {"precision": "bf16"}'
refused 'bf16' 'bf16 is not implemented yet' "$CARAVAN" run bad.json
job bad.json '"ablations": [{"kind": "value_scale", "epsilon": 1}]'
refused 'an ablation that changes nothing' 'epsilon 1 changes nothing' "$CARAVAN" run bad.json
job bad.json '"engine": {"memory_gib": 1e-6}'
refused 'a budget that is too small' 'engine.memory_gib' "$CARAVAN" run bad.json
job bad.json '"format": {"kind": "chat"}'
refused 'no chat template' 'chat_template' "$CARAVAN" run bad.json

# ---- prompts ----

# with_prompts NAME TEXT FILE [COLUMN]
with_prompts() {
    cat >prompts.json <<END
{"models": [{"name": "m", "path": "model"}], "output": "results",
 "prompts": {"harmful": {"file": "$3"${4:+, \"column\": \"$4\"}}}}
END
    refused "$1" "$2" "$CARAVAN" run prompts.json
}

with_prompts 'no prompt file' 'gone.csv' gone.csv
with_prompts 'no such column' 'harmful.csv' harmful.csv question
printf 'x,y\n1,2\n' >columns.csv
with_prompts 'no usual column' 'columns.csv' columns.csv
: >empty.csv
with_prompts 'empty CSV' 'empty.csv' empty.csv
printf 'goal\n' >header.csv
with_prompts 'CSV without rows' 'header.csv' header.csv
: >empty.txt
with_prompts 'empty text file' 'empty.txt' empty.txt
printf '\n\n' >blank.txt
with_prompts 'blank lines only' 'blank.txt' blank.txt
printf 'goal\n"never closed\n' >quote.csv
with_prompts 'an open quote' 'quote.csv' quote.csv
printf 'one\nt\000wo\n' >nul.txt
with_prompts 'a NUL' 'nul.txt' nul.txt
printf 'one\ntw\377o\n' >utf8.txt
with_prompts 'invalid UTF-8' 'utf8.txt' utf8.txt
{ echo short; printf 'x%.0s' $(seq 200); echo; } >long.txt
with_prompts 'a prompt past the positions' 'long.txt: prompt 2 has 201 tokens' long.txt

# ---- output ----

echo x >file
refused 'output below a file' 'file' "$CARAVAN" run job.json --output file/results
refused 'output that is a file' 'file' "$CARAVAN" run job.json --output file
refused 'output that nobody can make' '/proc/results' "$CARAVAN" run job.json --output /proc/results
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked
    chmod a-w locked
    refused 'output in a locked folder' 'locked' "$CARAVAN" run job.json --output locked/results
fi

# ---- several ranks: still one line of Caravan's, and 2 from all ----

ranks_refuse() {
    local name=$1 text=$2
    shift 2
    rm -rf results
    run mpirun -n 3 "$CARAVAN" run "$@"
    equal "$name: exit code" 2 "$code"
    equal "$name: lines of caravan" 1 "$(grep -c '^caravan: ' err)"
    holds "$name: message" err "$text"
    expect "$name: leaves no results" [ ! -e results ]
}
ranks_refuse 'ranks, no job' 'nowhere.json' nowhere.json
ranks_refuse 'ranks, usage' 'unknown option --colour' job.json --colour
poison model.layers.1.mlp.down_proj.weight '\x00\x00\xc0\x7f'
ranks_refuse 'ranks, NaN' 'model.layers.1.' job.json

# Rank 1 looks at the second model.
model good gqa
cat >two.json <<'END'
{"models": [{"name": "good", "path": "good"}, {"name": "m", "path": "model"}],
 "prompts": {"harmful": {"file": "harmful.csv"}}, "output": "results"}
END
ranks_refuse 'ranks, NaN found by the second' 'model.layers.1.' two.json

# A rank whose node lacks the files: here, one in another folder.
mkdir elsewhere
model model gqa
run mpirun -n 1 "$CARAVAN" run job.json : -n 1 -wdir "$scratch/elsewhere" "$CARAVAN" run job.json
equal 'files on one node only: exit code' 2 "$code"
equal 'files on one node only: lines of caravan' 1 "$(grep -c '^caravan: ' err)"
holds 'files on one node only: message' err 'caravan: rank 1 on '
holds 'files on one node only: message' err 'model/config.json'
expect 'files on one node only: leaves no results' [ ! -e results ]

finish
