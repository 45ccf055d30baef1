# shellcheck shell=bash
# What the tests of a run's later stages share, on two of the demo models. To be sourced, in place of
# common.sh.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
export OMP_NUM_THREADS=1
demo="$CARAVAN_SOURCE_DIR/jobs/demo"

# demo_job FILE MODELS HARMFUL HARMLESS NEW_TOKENS QUESTIONS [JSON]: a job with all stages, on so many
# prompts, and questions; JSON has more keys of the job, and can give those of evaluate in "more" instead.
more=
demo_job() {
    local model models=
    for model in $2; do models+="${models:+, }{\"name\": \"$model\", \"path\": \"$demo/models/$model\"}"; done
    cat >"$1" <<END
{"name": "stages", "models": [$models], "output": "results", "format": {"kind": "chat"},
 "prompts": {"harmful": {"file": "$demo/prompts/harmful.csv", "limit": $3},
             "harmless": {"file": "$demo/prompts/harmless.csv", "limit": $4}},
 "ablations": [{"kind": "uniform_attention"}, {"kind": "value_scale"}],
 "subspace": {"rank": 1}, "sahara": {"steps": 2},
 "evaluate": {"groups": ["none", "top:1", "sahara:2", "per_prompt:1", "random:2"],
              "decode": [{"kind": "greedy"}, {"kind": "top_k", "k": 5, "samples": 2}],
              "max_new_tokens": $5, "judges": ["paper", "released", "prefix"],
              "utility": [{"name": "things", "file": "$demo/utility.jsonl", "limit": $6}]$more}${7:+, $7}}
END
}

# results_of FOLDER: the files that the same job always fills with the same bytes.
results_of() { (cd "$1" && find . -name '*.h5' -o -name '*.csv' | sort); }

# same_results NAME WANTED FOUND: two folders with the same files of the same bytes.
same_results() {
    local file
    equal "$1: files" "$(results_of "$2")" "$(results_of "$3")"
    for file in $(results_of "$2"); do expect "$1: $file" cmp -s "$2/$file" "$3/$file"; done
}

# numbers DATASET FILE.h5: one a line. Needs h5dump.
numbers() {
    h5dump -d "$1" -y -w 1 -m %.17g "$2" | awk '
        /ATTRIBUTE/ { exit }
        inside { gsub(/[ ,]/, ""); if ($0 ~ /^[-+0-9.e]+$|^[-+]?(nan|inf)$/) print }
        /DATA \{/ { inside = 1 }'
}
