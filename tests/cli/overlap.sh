#!/usr/bin/env bash
# caravan overlap, and the job's "overlap": tables against heads.csv, the same bytes from memory and from files,
# shapes that differ, runs that end early, and what is refused.
# shellcheck disable=SC2016 # awk has dollars of its own
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
export OMP_NUM_THREADS=1

# Three models of one shape, two of them of one base; one of another shape.
model biased attention-bias
model tied tied
model tall mqa-3-layers
columns='model_a,ablation_a,model_b,ablation_b,score,k,shared,expected,jaccard,p_value,rbo,kendall_tau,tau_low,tau_high'
tables='concentration.csv depth.csv depth_distance.csv overlap.csv overlap_control.csv overlap_heads.csv overlap_nulls.csv'

# models FILE "NAME:BASE..." [JSON]: a job with angles for these models.
models() {
    local list='' pair
    for pair in $2; do
        list+="${list:+, }{\"name\": \"${pair%:*}\", \"path\": \"${pair%:*}\", \"base\": \"${pair#*:}\"}"
    done
    cat >"$1" <<END
{"models": [$list], "prompts": {"harmful": {"file": "harmful.csv"}, "harmless": {"file": "harmless.txt"}},
 "subspace": {}, "output": "results"${3:+, $3}}
END
}
models job.json 'model:tree biased:tree tied:bush' '"overlap": {"top_k": [2, 3], "permutations": 200, "seed": 7}'

# ---- tables ----

run "$CARAVAN" run job.json
equal 'run: exit code' 0 "$code"
holds 'run: prints it' out 'overlap of the top 3 heads by ships'
equal 'run: pairs of one base' 2 "$(grep -c '^  same ' out)"
equal 'run: pairs of two bases' 4 "$(grep -c '^  other ' out)"
equal 'columns' "$columns" "$(head -n 1 results/overlap.csv)"
equal 'pairs, scores and ks' 12 "$(($(wc -l <results/overlap.csv) - 1))"
equal 'controls' 36 "$(($(wc -l <results/overlap_control.csv) - 1))"
equal 'nulls' 48 "$(($(wc -l <results/overlap_nulls.csv) - 1))"

# shared A B K COLUMN: heads among the first K of both, by heads.csv, whose column COLUMN is the score (angles rank
# by themselves).
shared() {
    local name
    for name in "$1" "$2"; do
        tail -n +2 "results/$name/uniform_attention/heads.csv" | sort -t , -k "$4,$4gr" -k 1,1n -k 2,2n |
            head -n "$3" | cut -d , -f 1,2
    done | sort | uniq -d | wc -l
}
# field FILE COLUMN A B SCORE K
field() {
    awk -F , -v column="$2" -v a="$3" -v b="$4" -v score="$5" -v k="$6" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["model_a"] == a && $at["model_b"] == b && $at["score"] == score && $at["k"] == k { print $at[column] }
    ' "$1"
}
# of two of eight heads each: C(2, s) C(6, 2 - s) / C(8, 2), summed from s on
tail_of_two=(1 0.464286 0.0357143)
for pair in 'model biased' 'model tied' 'biased tied'; do
    a=${pair% *} b=${pair#* }
    for k in 2 3; do
        equal "$pair, ships, $k: shared" "$(shared "$a" "$b" $k 4)" "$(field results/overlap.csv shared "$a" "$b" ships $k)"
        equal "$pair, angle, $k: shared" "$(shared "$a" "$b" $k 9)" "$(field results/overlap.csv shared "$a" "$b" angle $k)"
    done
    found=$(field results/overlap.csv shared "$a" "$b" ships 2)
    equal "$pair: expected" 0.5 "$(field results/overlap.csv expected "$a" "$b" ships 2)"
    equal "$pair: p" "${tail_of_two[$found]}" "$(printf %.6g "$(field results/overlap.csv p_value "$a" "$b" ships 2)")"
    equal "$pair: intervals" yes "$(field results/overlap_nulls.csv tau_low "$a" "$b" ships 2 | awk '{ print ($1 >= -1 && $1 <= 1) ? "yes" : "no" }')"
    equal "$pair: angles have no interval" '' "$(field results/overlap.csv tau_low "$a" "$b" angle 2)"
done
equal 'bases' 'same other other' "$(awk -F , '$6 == "ships" && $7 == 2 { print $5 }' results/overlap_nulls.csv | xargs)"
equal 'first heads' "$(sed -n 2p results/tied/uniform_attention/heads.csv | cut -d , -f 1,2)" \
    "$(awk -F , '$1 == "tied" && $3 == "ships" && $4 == 1 { print $5 "," $6 }' results/overlap_heads.csv)"
equal 'shares of the layers' 3 "$(awk -F , 'NR > 1 && $3 == "ships" { sum[$1] += $6 }
    END { for (m in sum) n += (sum[m] - 1) ^ 2 < 1e-20; print n }' results/depth.csv)"

# ---- one implementation ----

compare=("$CARAVAN" overlap results --top-k "3,2" --permutations 200 --seed 7)
run "${compare[@]}" --output files
equal 'files: exit code' 0 "$code"
equal 'files: stderr' 0 "$(wc -c <err)"
for table in $tables; do expect "from files: $table" cmp "results/$table" "files/$table"; done
OMP_NUM_THREADS=3 run "${compare[@]}" --output threads
for table in $tables; do expect "three threads: $table" cmp "results/$table" "threads/$table"; done
run "$CARAVAN" overlap results --top-k 2,3 --permutations 200 --seed 8 --threads 2 --output seeded
expect 'another seed, other permutations' [ "$(cut -d, -f 17- seeded/overlap_nulls.csv)" != "$(cut -d, -f 17- files/overlap_nulls.csv)" ]
equal 'another seed, the same overlap' "$(cut -d, -f 1-12 files/overlap.csv)" "$(cut -d, -f 1-12 seeded/overlap.csv)"
run mpirun -n 2 "$CARAVAN" run job.json --output ranks
equal 'two ranks: exit code' 0 "$code"
for table in $tables; do expect "two ranks: $table" cmp "results/$table" "ranks/$table"; done

# ---- shapes, namesakes ----

models tall.json 'tall:palm model:tree'
run "$CARAVAN" run tall.json --output tall-results
run "$CARAVAN" overlap results tall-results --permutations 0 --output mixed
equal 'mixed: exit code' 0 "$code"
holds 'mixed: what is not compared' err '4 of 10 pairs are not of one shape and are not compared head by head'
holds 'mixed: what serves instead' err 'depth_distance.csv and concentration.csv'
equal 'mixed: rows' 36 "$(($(wc -l <mixed/overlap.csv) - 1))"
equal 'mixed: distances of ships' 10 "$(awk -F , '$7 == "ships" && $8 >= 0 { n++ } END { print n }' mixed/depth_distance.csv)"
holds 'mixed: the first model' mixed/overlap.csv 'model@job,uniform_attention,biased,'
equal 'mixed: a model and its namesake' 1 "$(field mixed/overlap.csv kendall_tau model@job model@tall ships 5)"
equal 'mixed: they are of one base' same "$(field mixed/overlap_nulls.csv bases model@job model@tall ships 5)"
run "$CARAVAN" overlap tall-results --output two-shapes
equal 'two shapes: exit code' 0 "$code"
equal 'two shapes: no rows' "$columns" "$(cat two-shapes/overlap.csv)"

# ---- runs that end early, and come to it later ----

models later.json 'model:tree biased:tree tied:bush'
run "$CARAVAN" run later.json --output later
expect 'without the key there is none' [ ! -e later/overlap.csv ]
cp job.json later.json
run "$CARAVAN" run later.json --output later
equal 'asked for later: exit code' 0 "$code"
for table in $tables; do expect "asked for later: $table" cmp "results/$table" "later/$table"; done
units=$(grep -o '"units": [0-9]*' later/manifest.json | head -n 1)
equal 'asked for later: nothing is computed' "${units#*: }" \
    "$(grep -o '"units_from_journal": [0-9]*' later/manifest.json | head -n 1 | grep -o '[0-9]*$')"

models endless.json 'model:tree biased:tree tied:bush' '"overlap": {"permutations": 100000000}'
"$CARAVAN" run endless.json --output endless >out 2>err </dev/null &
started=$!
for ((i = 0; i < 6000; i++)); do
    [ ! -e endless/tied/uniform_attention/stability.csv ] || break
    sleep 0.01
done
sleep 1
kill -TERM "$started"
code=0
wait "$started" || code=$?
equal 'stopped: exit code' 75 "$code"
holds 'stopped: message' err 'saved, but for the comparison of the models; run the same command again to go on'
holds 'stopped: status' endless/status.json '"state": "stopped"'
expect 'stopped: not finished' [ ! -e endless/manifest.json ]
models endless.json 'model:tree biased:tree tied:bush' '"overlap": {"top_k": [2, 3], "permutations": 200, "seed": 7}'
run "$CARAVAN" run endless.json --output endless
equal 'taken up: exit code' 0 "$code"
for table in $tables; do expect "taken up: $table" cmp "results/$table" "endless/$table"; done

# ---- refused ----

# refused leaves nothing in results/, and takes what is there away.
mv results finished
overlap=("$CARAVAN" overlap)
refused 'no folder' 'RESULT_DIR is missing; see caravan overlap --help' "${overlap[@]}" --output results
refused 'no output' '--output is missing' "${overlap[@]}" finished
refused 'an empty output' '--output is empty' "${overlap[@]}" finished --output ''
refused 'a folder twice' 'finished is given twice' "${overlap[@]}" finished finished --output results
refused 'nothing there' 'nowhere: has no manifest.json' "${overlap[@]}" finished nowhere --output results
refused 'a model' 'model: has no manifest.json: it is no results folder' "${overlap[@]}" model --output results
refused 'an unknown option' 'unknown option --k' "${overlap[@]}" finished --k 3 --output results
refused 'no heads' '--top-k is 0; it must lie between 1' "${overlap[@]}" finished --top-k 0 --output results
refused 'no number' '--top-k must be a whole number, not ""' "${overlap[@]}" finished --top-k 5, --output results
refused 'a number twice' '--top-k has 5 twice' "${overlap[@]}" finished --top-k 5,5 --output results
refused 'permutations' '--permutations is -1' "${overlap[@]}" finished --permutations -1 --output results
refused 'threads' '--threads is 0' "${overlap[@]}" finished --threads 0 --output results
models one.json 'model:tree'
run "$CARAVAN" run one.json --output one
refused 'one model' 'one: has one model under one ablation: nothing to compare' "${overlap[@]}" one --output results
cp -r finished damaged
head -c 2000 damaged/tied/uniform_attention/scores.h5 >short.h5
mv short.h5 damaged/tied/uniform_attention/scores.h5
refused 'a cut file' 'damaged/tied/uniform_attention/scores.h5: is no HDF5 file, or damaged' \
    "${overlap[@]}" damaged --output results
cp finished/model/uniform_attention/scores.h5 damaged/tied/uniform_attention/scores.h5
refused 'a file in another place' 'holds the scores of the model "model", not "tied"' \
    "${overlap[@]}" damaged --output results
rm damaged/tied/uniform_attention/scores.h5
refused 'a missing file' 'damaged/tied/uniform_attention/scores.h5: is missing' "${overlap[@]}" damaged --output results
echo '{}' >damaged/manifest.json
refused 'an empty manifest' 'damaged/manifest.json: name is missing' "${overlap[@]}" damaged --output results
echo file >file
refused 'an output that is a file' 'the results folder cannot be made' "${overlap[@]}" finished --output file

run "$CARAVAN" overlap --help
equal 'help: exit code' 0 "$code"
holds 'help' out 'usage: caravan overlap RESULT_DIR... --output DIR'

finish
