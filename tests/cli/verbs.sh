#!/usr/bin/env bash
# The verbs that need no sweep, and the ways to misspell a command line.
# shellcheck disable=SC2016 # awk has dollars of its own
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# ---- help and version ----

run "$CARAVAN" --help
equal 'help: exit code' 0 "$code"
for verb in run plan inspect tokens logits generate utility bench report; do
    holds "help names $verb" out "  $verb "
    run "$CARAVAN" "$verb" --help
    equal "$verb --help: exit code" 0 "$code"
    holds "$verb --help" out "usage: caravan $verb "
    equal "$verb --help: stderr" 0 "$(wc -c <err)"
    run "$CARAVAN" --help
done
run "$CARAVAN" --version
equal 'version: exit code' 0 "$code"
for text in 'caravan 0.1.0' OpenBLAS MPI HDF5; do holds 'version' out "$text"; done

# ---- misspelt ----

refused 'no verb' 'a verb is missing; see caravan --help' "$CARAVAN"
refused 'unknown verb' 'unknown verb walk' "$CARAVAN" walk
refused 'no job' 'JOB.json is missing; see caravan run --help' "$CARAVAN" run
refused 'two jobs' 'one word too many: b.json' "$CARAVAN" run job.json b.json
refused 'unknown option' 'unknown option --ouput' "$CARAVAN" run job.json --ouput x
refused 'option without value' '--output needs a value' "$CARAVAN" run job.json --output
refused 'option given twice' '--output is given twice' "$CARAVAN" run job.json --output a --output b
refused 'empty output' '--output is empty' "$CARAVAN" run job.json --output ''
refused 'unknown engine' '--engine "fast" is unknown' "$CARAVAN" run job.json --engine=fast
refused 'bf16' '--precision bf16 is not implemented yet' "$CARAVAN" run job.json --precision bf16
refused 'flag with value' '--json takes no value' "$CARAVAN" inspect model --json=yes
refused 'sbatch' '--sbatch needs --ranks and --threads' "$CARAVAN" plan job.json --sbatch x
refused 'no ranks' '--ranks is 0; it must lie between 1 and' "$CARAVAN" plan job.json --ranks 0
refused 'ranks in words' '--ranks must be a whole number, not "two"' "$CARAVAN" plan job.json --ranks two

# ---- plan ----

run "$CARAVAN" plan job.json
equal 'plan: exit code' 0 "$code"
expect 'plan: a line for the model' grep -q '^m  *uniform_attention  *1  ' out
expect 'plan: leaves no results' [ ! -e results ]
run "$CARAVAN" plan job.json --ranks 4 --threads 2
holds 'plan: ranks' out '4 ranks of 2 threads (8 cores), '
run "$CARAVAN" plan job.json --ranks 4 --threads 2 --gflops 10 --spread 0
equal 'plan: exit code with a speed' 0 "$code"
holds 'plan: the speed' out '10 GFLOP/s a rank (--gflops): 0.2 units a rank'
for line in 'wall time: ' 'efficiency: ' 'memory of a node with 2 of them: '; do holds 'plan: forecast' out "$line"; done
run "$CARAVAN" plan job.json --list-models
equal 'plan: the models' m "$(cat out)"
run "$CARAVAN" plan job.json --ranks 6 --threads 4 --gflops 10 --sbatch job.sh
equal 'plan: exit code with a script' 0 "$code"
for line in '#SBATCH --nodes=3' '#SBATCH --ntasks-per-node=2' '#SBATCH --cpus-per-task=4' '#SBATCH --time=0:10:00'; do
    holds 'plan: the script' job.sh "$line"
done
body() { sed -n '/^set -euo/,$p' "$1"; }
equal 'plan: the script does what slurm/nodes.sh does' "$(body "$CARAVAN_SOURCE_DIR/slurm/nodes.sh")" "$(body job.sh)"
expect 'plan: the script is well-formed' bash -n job.sh
refused 'a speed of nothing' '--gflops is 0; it must be above 0' "$CARAVAN" plan job.json --ranks 2 --gflops 0
refused 'too much spread' '--spread is 60; it must lie between 0 and 50 percent' \
    "$CARAVAN" plan job.json --ranks 2 --gflops 1 --spread 60

# ---- inspect ----

run "$CARAVAN" inspect model
equal 'inspect: exit code' 0 "$code"
for line in 'num_attention_heads       4' 'heads                     8' 'dtype                     F32' \
    'tokenizer                 size 96'; do
    holds 'inspect' out "$line"
done
run "$CARAVAN" inspect model --json
for text in '"architecture": "LlamaForCausalLM"' '"num_key_value_heads": 2' '"name": "model.safetensors"'; do
    holds 'inspect --json' out "$text"
done
run "$CARAVAN" inspect "$fixtures"/../families/gemma3
for line in 'norms                     attention attention_output mlp mlp_output' 'qk_norm                   head' \
    'activation                gelu_tanh' 'embedding_scale           5.65685425'; do
    holds 'inspect Gemma 3' out "$line"
done
run "$CARAVAN" inspect "$fixtures"/../families/gpt2
for line in 'norm                      layer' 'learned_positions         true' 'rope                      kind none' \
    'sliding_layers            none' 'biases                    q k v o mlp'; do
    holds 'inspect GPT-2' out "$line"
done
mkdir mute
cp "$fixtures"/gqa/config.json "$fixtures"/gqa/model.safetensors mute
run "$CARAVAN" inspect mute
equal 'inspect without tokenizer: exit code' 0 "$code"
holds 'inspect without tokenizer' out 'error mute/tokenizer.json: cannot be opened'
refused 'inspect nothing' 'nowhere' "$CARAVAN" inspect nowhere

# ---- tokens ----

run "$CARAVAN" tokens model 'Hi "x"'
equal 'tokens: exit code' 0 "$code"
equal 'tokens' '95	<s>|40	H|73	i|0	 |2	"|88	x|2	"|' "$(tr '\n' '|' <out)"
run "$CARAVAN" tokens model --json 'a b'
equal 'tokens --json' '[95, 65, 0, 66]' "$(cat out)"
run "$CARAVAN" tokens --no-special --json model 'a b'
equal 'tokens --no-special' '[65, 0, 66]' "$(cat out)"
run "$CARAVAN" tokens --json model -- --json
equal 'tokens of a word with dashes' '[95, 13, 13, 74, 83, 79, 78]' "$(cat out)"
run "$CARAVAN" tokens --json model ''
equal 'tokens of nothing' '[95]' "$(cat out)"
equal 'tokens of stdin' '[95, 65, 66]' "$(printf ab | "$CARAVAN" tokens --json model -)"
refused 'tokens of bad UTF-8' 'UTF-8' "$CARAVAN" tokens model $'a\xff'
refused 'tokens of no text' 'TEXT is missing' "$CARAVAN" tokens model

# ---- logits ----

run "$CARAVAN" logits model --text Hello --top 3
equal 'logits: exit code' 0 "$code"
equal 'logits: lines' 3 "$(wc -l <out)"
expect 'logits: probabilities fall' awk 'NR > 1 && $1 > last { exit 1 } { last = $1; if ($1 <= 0 || $1 >= 1) exit 1 }' out
mv out clean
run "$CARAVAN" logits model --text Hello --top 3 --ablate uniform_attention:0:1
equal 'logits --ablate: exit code' 0 "$code"
expect 'logits --ablate changes them' [ -n "$(cmp out clean || true)" ]
run "$CARAVAN" logits model --text Hello --ablate value_scale:0:1:0.5 --ablate mean_over_heads:1:3:z --top 96
equal 'logits of all tokens' 96 "$(wc -l <out)"
expect 'logits: probabilities add up' awk '{ sum += $1 } END { exit !(sum > 0.999 && sum < 1.001) }' out
run "$CARAVAN" logits model --text Hello --top 0 --output logits.h5
equal 'logits --output: exit code' 0 "$code"
equal 'logits --top 0' 0 "$(wc -c <out)"
equal 'logits --output is HDF5' '89 48 44 46' "$(od -An -tx1 -N4 logits.h5 | sed 's/^ *//')"
refused 'logits of no text' '--text is missing' "$CARAVAN" logits model
run "$CARAVAN" logits model --ids 95,40,69,76,76,79 --top 3
expect 'logits --ids is logits --text' cmp -s <(awk '{ print $1, $2, $3 }' out) <(awk '{ print $1, $2, $3 }' clean)
run "$CARAVAN" logits mute --ids 1,2 --top 3
equal 'logits --ids without tokenizer' 0 "$code"
refused 'logits of both' '--text and --ids exclude each other' "$CARAVAN" logits model --ids 1 --text x
refused 'logits of a foreign id' 'an id of --ids is 96; it must lie between 0 and 95' "$CARAVAN" logits model --ids 1,96
refused 'logits of no id' 'an id of --ids must be a whole number, not ""' "$CARAVAN" logits model --ids 1,
refused 'logits of bad UTF-8' 'UTF-8' "$CARAVAN" logits model --text $'\xc3'
refused 'logits of too long a text' '201 tokens' "$CARAVAN" logits model --text "$(printf 'x%.0s' $(seq 200))"
refused 'logits into nowhere' '--output nowhere/x.h5: nowhere cannot be written in' "$CARAVAN" logits model --text Hello --output nowhere/x.h5

while IFS='|' read -r ablation text; do
    refused "--ablate $ablation" "--ablate $ablation: $text" "$CARAVAN" logits model --text Hello --ablate "$ablation"
done <<'END'
uniform_attention|it must be KIND:LAYER:HEAD
uniform_attention:1|it must be KIND:LAYER:HEAD
uniform_attention:1:2:0:4|it must be KIND:LAYER:HEAD
|it must be KIND:LAYER:HEAD
attention:1:2|kind "attention" is unknown
uniform_attention:2:0|the layer is 2; it must lie between 0 and 1
uniform_attention:0:4|the head is 4; it must lie between 0 and 3
uniform_attention:-1:0|the layer is -1
uniform_attention:x:0|the layer must be a whole number, not "x"
uniform_attention:1:|the head must be a whole number, not ""
uniform_attention:1:2:|the epsilon must be a number, not ""
uniform_attention:1:2:nan|the epsilon must be a number, not "nan"
uniform_attention:1:2:-1|uniform_attention: epsilon must not be negative
value_scale:1:2:1|value_scale: epsilon 1 changes nothing
mean_over_heads:1:2:v|mean_over_heads takes q, k or z, not "v"
END
refused 'a head twice' 'L0H1 is switched off twice' \
    "$CARAVAN" logits model --text x --ablate value_scale:0:1 --ablate uniform_attention:0:1

finish
