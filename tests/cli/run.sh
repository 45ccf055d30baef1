#!/usr/bin/env bash
# A sweep from job file to results, alone and on several ranks.
# shellcheck disable=SC2016 # awk has dollars of its own
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
export OMP_NUM_THREADS=1

model other mqa-3-layers
mkdir jobs
cat >jobs/sweep.json <<'END'
{"name": "little sweep",
 "models": [{"name": "first", "path": "../model"}, {"name": "second", "path": "../other", "base": "b"}],
 "prompts": {"harmful": {"file": "../harmful.csv", "limit": 3}, "harmless": {"file": "../harmless.txt"}},
 "format": {"kind": "query_answer"},
 "ablations": [{"kind": "uniform_attention"}, {"kind": "uniform_attention", "epsilon": 1e-5},
               {"kind": "value_scale", "epsilon": 0.5, "granularity": "kv_group"},
               {"kind": "mean_over_heads", "of": "z"}],
 "output": "../results/little"}
END

# ---- one rank ----

run "$CARAVAN" run jobs/sweep.json
equal 'exit code' 0 "$code"
for model in first second; do
    for ablation in uniform_attention uniform_attention-eps1e-05 value_scale-eps0.5-kv_group mean_over_heads-z; do
        expect "$model/$ablation has scores" [ -s "results/little/$model/$ablation/scores.h5" ]
        expect "$model/$ablation has heads" [ -s "results/little/$model/$ablation/heads.csv" ]
        holds 'a table for each' out "$model, $ablation: top "
    done
done
holds 'the place of the results' out "results: $(realpath results/little)"
equal 'nothing half-made is left' '' "$(find results -name '*.part' -o -name '.caravan*')"
equal 'heads of the first model' 9 "$(wc -l <results/little/first/uniform_attention/heads.csv)"
equal 'groups of the second' 4 "$(wc -l <results/little/second/value_scale-eps0.5-kv_group/heads.csv)"
equal 'columns' 'layer,head,rank,ships_mean,ships_low,ships_high,harmless_mean,specificity,angle_deg,top10_probability,parameter_share' \
    "$(head -n 1 results/little/first/uniform_attention/heads.csv)"
expect 'ranks count from 1, by falling score' awk -F, '
    NR > 1 { if ($3 != NR - 1 || (NR > 2 && $4 + 0 > last + 0)) exit 1; last = $4 }
    NR > 1 && ($4 - $7 - $8 > 1e-12 || $8 - $4 + $7 > 1e-12) { exit 1 }
' results/little/first/uniform_attention/heads.csv
holds 'the state' results/little/status.json '"state": "done"'
holds 'all units' results/little/status.json '"units_done": 16'
for text in '"name": "little sweep"' '"format": "query_answer"' '"epsilon": 1e-5' '"base": "b"' '"of": "z"' \
    "$(sha256sum <model/model.safetensors | cut -d' ' -f1)" "$(sha256sum <harmful.csv | cut -d' ' -f1)" \
    '"gemm_peak_fraction": 0.' '"openblas_core"' '"hdf5"' '"threads": 1' '"prompts": 3'; do
    holds 'the manifest' results/little/manifest.json "$text"
done

# ---- the same on any number of ranks ----

for ranks in 1 2 3 4; do
    run mpirun -n "$ranks" "$CARAVAN" run jobs/sweep.json --output "ranks/$ranks"
    equal "exit code of $ranks ranks" 0 "$code"
    holds "ranks in the manifest" "ranks/$ranks/manifest.json" "\"rank\": $((ranks - 1))"
    for file in $(cd results/little && find . -name scores.h5 -o -name heads.csv); do
        expect "$file of $ranks ranks is that of one process" cmp -s "results/little/$file" "ranks/$ranks/$file"
    done
    equal 'one table a model and ablation, from rank 0 alone' 8 "$(grep -c ': top ' out)"
done

# ---- a model cut into many units ----

# The least memory that is enough makes the most units.
budgets=$(awk "BEGIN { for (g = 1e-3; g > 1e-6; g *= 0.95) print g }")
for gib in $budgets; do
    job tight.json "\"engine\": {\"memory_gib\": $gib}"
    run "$CARAVAN" plan tight.json
    [ "$code" -eq 0 ] || break
    cp tight.json many.json
    units=$(awk '$1 == "all" { print $2 }' out)
done
expect "$units units are many" [ "$units" -ge 5 ]
for ranks in 1 2 3 4; do
    run mpirun -n "$ranks" "$CARAVAN" run many.json --output "many/$ranks"
    equal "exit code of $ranks ranks with $units units" 0 "$code"
    holds "$units units" "many/$ranks/status.json" "\"units_done\": $units,"
    expect "$units units on $ranks ranks give the same bytes" \
        cmp -s many/{1,"$ranks"}/m/uniform_attention/scores.h5
done

# ---- more ranks than units ----

job job.json
run "$CARAVAN" run job.json
holds 'one unit' err '1 unit in the sweep, 1 rank'
mv results alone
run mpirun -n 4 "$CARAVAN" run job.json
equal 'exit code of idle ranks' 0 "$code"
expect 'idle ranks change nothing' cmp -s alone/m/uniform_attention/scores.h5 results/m/uniform_attention/scores.h5
equal 'no harmless prompts, no specificity' ',,' \
    "$(sed -n 2p results/m/uniform_attention/heads.csv | cut -d, -f 7-9)"

# ---- threads that are bound keep all their cores, also if the program starts itself anew ----

if [ "$(env -u OMP_NUM_THREADS nproc)" -ge 2 ]; then
    run env -u OPENBLAS_CORETYPE OMP_PROC_BIND=true OMP_NUM_THREADS=2 "$CARAVAN" run job.json --output bound
    equal 'exit code with bound threads' 0 "$code"
    expect 'bound threads have a core each' [ "$(grep -c 'bound to' err)" -eq 0 ]
fi

# ---- the plain engine says the same ----

run "$CARAVAN" run jobs/sweep.json --engine plain --output plain
equal 'exit code of the plain engine' 0 "$code"
holds 'the engine is recorded' plain/manifest.json '"engine": "plain"'
for file in $(cd ranks/1 && find . -name heads.csv); do
    expect "$file by both engines" awk -F, '
        FNR == 1 { next }
        NR == FNR { wave[$1 "," $2] = $4; next }
        { d = wave[$1 "," $2] - $4; if (d < 0) d = -d; if (!(d <= 1e-7 + 1e-4 * $4)) exit 1; n++ }
        END { if (n == 0) exit 1 }' "ranks/1/$file" "plain/$file"
done

# ---- again, into the same folder ----

echo stale >results/manifest.json
run "$CARAVAN" run job.json
equal 'a second run' 0 "$code"
holds 'renews the manifest' results/manifest.json '"versions"'

# ---- a bar on a terminal ----

if command -v script >/dev/null; then
    rm -rf results
    script -qec "'$CARAVAN' run job.json >table" /dev/null >terminal </dev/null
    expect 'a bar' grep -qF '[..............................]   0 %  0 of 1 units  time left: unknown' terminal
    expect 'stdout stays clean' grep -q '^results: ' table
else
    echo 'skipped: the progress bar, as there is no "script" to make a terminal'
fi

# ---- results that nobody can read ----

if [ -w /dev/full ]; then
    code=0
    "$CARAVAN" run job.json >/dev/full 2>err || code=$?
    equal 'a full disk on stdout' 1 "$code"
    holds 'says so' err 'standard output cannot be written'
fi

finish
