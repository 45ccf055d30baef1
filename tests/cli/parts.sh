#!/usr/bin/env bash
# Parts of a job that are run apart (--models) come together (--from) to what the whole job gives, byte by
# byte; what was finished elsewhere is not computed again.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
export OMP_NUM_THREADS=1

model other mqa-3-layers
cat >parts.json <<END
{"models": [{"name": "m", "path": "model"}, {"name": "other", "path": "other"}],
 "prompts": {"harmful": {"file": "harmful.csv"}, "harmless": {"file": "harmless.txt"}},
 "sahara": {"steps": 2},
 "evaluate": {"groups": ["none", "sahara:2"], "max_new_tokens": 3},
 "output": "whole"}
END

run "$CARAVAN" run parts.json
equal 'the whole: exit code' 0 "$code"
for model in m other; do
    run "$CARAVAN" run parts.json --models "$model" --output "part-$model"
    equal "$model alone: exit code" 0 "$code"
    expect "$model alone: nothing of the other" [ "$(find "part-$model" -mindepth 2 -maxdepth 2 -type d | wc -l)" -eq \
        "$(find "part-$model/$model" -mindepth 1 -maxdepth 1 -type d | wc -l)" ]
done
run "$CARAVAN" run parts.json --from part-m --from part-other --output merged
equal 'together: exit code' 0 "$code"
holds 'together: what was taken over' err 'part-other/journal: '
for file in $(cd whole && find . -name '*.csv' -o -name '*.h5'); do
    expect "together: $file" cmp "whole/$file" "merged/$file"
done
expect 'together: nothing is computed' grep -q '"operations": 0,' merged/manifest.json

run "$CARAVAN" run parts.json --from part-m --output half
equal 'one part: exit code' 0 "$code"
expect 'one part: the rest is computed' cmp whole/other/uniform_attention/scores.h5 half/other/uniform_attention/scores.h5

run mpirun -n 3 "$CARAVAN" run parts.json --node-local local --output copied
equal 'from copies on each node: exit code' 0 "$code"
for file in $(cd whole && find . -name '*.csv' -o -name '*.h5'); do
    expect "from copies: $file" cmp "whole/$file" "copied/$file"
done
equal 'from copies: a folder for each model' 2 "$(find local -mindepth 1 -maxdepth 1 -name 'caravan-*' | wc -l)"
expect 'from copies: weights' cmp model/model.safetensors "$(grep -l '"num_hidden_layers": 2' local/*/config.json | head -1 | xargs dirname)/model.safetensors"
run "$CARAVAN" run parts.json --node-local harmful.csv --output x
equal 'copies that cannot be made: exit code' 2 "$code"

refused 'unknown model' '--models names "n", which parts.json has not' "$CARAVAN" run parts.json --models m,n --output x
refused 'no results there' 'nowhere/journal: there is no journal' \
    "$CARAVAN" run parts.json --from nowhere --output x
expect 'a refused run leaves nothing' [ ! -e x ]
sed 's/"steps": 2/"steps": 1/; s/sahara:2/sahara:1/' parts.json >changed.json
refused 'part of another job' 'sahara.steps was 2 and is 1' "$CARAVAN" run changed.json --from part-m --output x

finish
