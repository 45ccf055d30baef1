#!/usr/bin/env bash
# All stages of a run, from angles to utility: the same bytes on any number of ranks, and the same results by the
# plain engine.
# shellcheck disable=SC2016 # awk has dollars of its own
# shellcheck source=tests/cli/dataset-common.sh
. "$(dirname "$0")/dataset-common.sh"

# ---- ranks and threads ----

demo_job job.json 'chat-a chat-b' 5 3 12 20
run "$CARAVAN" run job.json --output alone
equal 'exit code' 0 "$code"
for model in chat-a chat-b; do
    for ablation in uniform_attention value_scale; do
        equal "files of $model under $ablation" \
            'answers.csv asr.csv heads.csv intervals.csv judges.csv sahara.csv scores.h5 stability.csv utility.csv' \
            "$(cd "alone/$model/$ablation" && echo *)"
    done
done
for stage in sweep 'sahara 2' answers utility; do
    holds 'the stages in the manifest' alone/manifest.json "\"name\": \"$stage\""
done
run "$CARAVAN" plan job.json
expect 'the plan sums all stages up' awk '
    /^stage / { inside = 1; next }
    /^all stages / { exit !(inside && $3 == units && units > 0) }
    inside { units += $(NF - 2) }
    END { if (!inside) exit 1 }' out
for ranks in 1 2 3 4; do
    run mpirun -n "$ranks" "$CARAVAN" run job.json --output "ranks-$ranks"
    equal "exit code of $ranks ranks" 0 "$code"
    same_results "$ranks ranks" alone "ranks-$ranks"
done
cp out printed-4
for ranks in 1 2; do
    OMP_NUM_THREADS=2 run mpirun -n "$ranks" "$CARAVAN" run job.json --output "threads-$ranks"
    equal "exit code of $ranks ranks of 2 threads" 0 "$code"
    same_results "$ranks ranks of 2 threads" alone "threads-$ranks"
done
run mpirun -n 2 "$CARAVAN" run job.json --output ranks-4 # as it is printed again
equal 'what 4 ranks print is what 2 print' "$(cat printed-4)" "$(cat out)"

# ---- every head alone, groups of heads that share keys, and models of different shapes ----

model other mqa-3-layers
cat >each.json <<'END'
{"models": [{"name": "first", "path": "model"}, {"name": "second", "path": "other"}], "output": "results",
 "prompts": {"harmful": {"file": "harmful.csv"}, "harmless": {"file": "harmless.txt"}},
 "format": {"kind": "query_answer"},
 "ablations": [{"kind": "mean_over_heads", "of": "z"},
               {"kind": "value_scale", "epsilon": 0.5, "granularity": "kv_group"}],
 "subspace": {"rank": 2, "state": "resid_post"}, "sahara": {"steps": 3},
 "evaluate": {"groups": ["each_head", "none", "sahara:3", "per_prompt:3", "random:2"],
              "decode": [{"kind": "top_k", "k": 8, "temperature": 1.5, "seed": 7, "samples": 2}, {"kind": "greedy"}],
              "max_new_tokens": 6, "judges": ["prefix", "paper", "released"]}}
END
for ranks in 1 2 3 4; do
    run mpirun -n "$ranks" "$CARAVAN" run each.json --output "each-$ranks"
    equal "exit code of $ranks ranks, each head" 0 "$code"
    same_results "$ranks ranks, each head" each-1 "each-$ranks"
done
# rows MODEL/ABLATION: groups of one head alone, in asr.csv, for one set and one way to decode
rows() { awk -F, '$1 ~ /^L[0-9]+H[0-9]+$/ && $1 == $2 && $3 == "harmless" && $4 == "greedy"' "each-1/$1/asr.csv" | wc -l; }
equal 'each head' 8 "$(rows first/mean_over_heads-z)"
equal 'each head of the other model' 12 "$(rows second/mean_over_heads-z)"
equal 'each group' 4 "$(rows first/value_scale-eps0.5-kv_group)"
equal 'each group of the other model' 3 "$(rows second/value_scale-eps0.5-kv_group)"
holds 'the way to decode' each-1/first/mean_over_heads-z/asr.csv ',top_k-k8-t1.5-seed7-samples2,'
for folder in each-1/*/*/; do
    equal "$folder: the tables are by the job's first judge" "$(tail -n +2 "$folder/asr.csv")" \
        "$(awk -F, -v OFS=, '$14 == "prefix" { print $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 }' "$folder/judges.csv")"
done

# ---- the plain engine says the same ----

demo_job small.json chat-b 3 2 8 20
for engine in wavefront plain; do
    run "$CARAVAN" run small.json --engine "$engine" --output "$engine"
    equal "exit code of the engine $engine" 0 "$code"
done
holds 'the engine is recorded' plain/manifest.json '"engine": "plain"'

# close FIELDS RELATIVE FLOOR FILE [FOLDER]: a table of the wavefront and one of FOLDER (by default the plain
# engine's) have the same lines but for the last FIELDS columns, and these differ by at most RELATIVE times the
# value plus FLOOR.
close() {
    paste -d, "wavefront/$4" "${5:-plain}/$4" | awk -F, -v last="$1" -v relative="$2" -v floor="$3" '
        { half = NF / 2 }
        NF % 2 { exit wrong = 1 }
        { for (i = 1; i <= half; i++) {
              a = $i; b = $(half + i)
              if (NR == 1 || i <= half - last || a !~ /[0-9]/) { if (a "" != b "") exit wrong = 1; continue }
              if (b !~ /^-?[0-9.]+(e-?[0-9]+)?$/) exit wrong = 1
              d = a - b; size = b < 0 ? -b : b
              if (!(d <= relative * size + floor && -d <= relative * size + floor)) exit wrong = 1
              compared++
          } }
        END { exit wrong || !compared }'
}

# Little memory makes small batches of answers.
answer_units() { sed -n '/"name": "answers"/{n; s/[^0-9]//gp}' "$1/manifest.json"; }
demo_job batches.json chat-b 3 2 8 20 '"engine": {"memory_gib": 0.008}'
run "$CARAVAN" run batches.json --output batches
equal 'exit code with little memory' 0 "$code"
expect 'little memory makes more batches' [ "$(answer_units batches)" -gt "$(answer_units wavefront)" ]

# Angles of one direction agree but for what single precision does to the states (compare_sahara.py of
# tests/reference measures it): in 6 layers of these models about 1.2e-5 degrees.
for ablation in uniform_attention value_scale; do
    folder=chat-b/$ablation
    expect "$ablation: the same heads of Sahara, their angles agree" close 2 1e-3 1.2e-5 "$folder/sahara.csv"
    # but for their order, as heads may have scores that are as good as equal
    for engine in wavefront plain; do
        { head -n 1 "$engine/$folder/heads.csv"
          tail -n +2 "$engine/$folder/heads.csv" | sort -t, -k1,1n -k2,2n; } |
            cut -d, -f1,2,9 >"$engine/$folder/angles.csv"
    done
    expect "$ablation: the angles of all heads agree" close 1 1e-3 1.2e-5 "$folder/angles.csv"
    for engine in wavefront plain batches; do
        awk -F, -v OFS=, '{ mean = $12; $12 = ""; print $0, mean }' "$engine/$folder/answers.csv" >"$engine/$folder/means.csv"
    done
    expect "$ablation: the same answers" close 1 0 1e-5 "$folder/means.csv"
    expect "$ablation: the same answers in other batches" close 1 0 1e-5 "$folder/means.csv" batches
    for other in plain batches; do
        expect "$ablation: the same verdicts, $other" cmp -s {wavefront,$other}/$folder/judges.csv
    done
    expect "$ablation: the same utility" close 12 0 1e-5 "$folder/utility.csv"
    if command -v h5dump >/dev/null; then
        for engine in wavefront plain; do
            { echo step,angle; numbers /sahara/angles_deg "$engine/$folder/scores.h5" | awk '{ print int((NR - 1) / 48) "," $1 }'; } >"$engine/$folder/boards.csv"
        done
        equal "$ablation: two boards of 48 heads" 97 "$(wc -l <"plain/$folder/boards.csv")"
        equal "$ablation: the chosen head is off the second board" 1 "$(grep -c '^1,-\?nan$' "plain/$folder/boards.csv")"
        expect "$ablation: Sahara's boards agree" close 1 1e-3 1.2e-5 "$folder/boards.csv"
    else
        echo "skipped: $ablation: Sahara's boards, as h5dump (hdf5-tools) is not installed"
    fi
done

finish
