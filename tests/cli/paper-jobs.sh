#!/usr/bin/env bash
# Every job of jobs/paper is read, checked against models and planned, with small models and other prompts in the
# place of those that it names; one of them is run.
# shellcheck source=tests/cli/dataset-common.sh
. "$(dirname "$0")/dataset-common.sh"

mkdir -p jobs/paper/{models,prompts,tasks}
cp "$CARAVAN_SOURCE_DIR"/jobs/paper/*.json jobs/paper
cd jobs/paper
ln -s "$demo/models/chat-a" models/Llama-2-7b-chat-hf
ln -s "$demo/models/chat-b" models/vicuna-7b-v1.5
ln -s "$demo/models/base-1" models/Llama-2-7b-hf
head -n 13 "$demo/prompts/harmful.csv" | sed '1s/prompt/input/' | tee prompts/jailbreakbench.csv >prompts/maliciousinstruct.csv
head -n 13 "$demo/prompts/harmful.csv" | sed '1s/prompt/goal/' >prompts/advbench.csv
head -n 13 "$demo/prompts/harmless.csv" >prompts/harmless.csv
for task in boolq rte winogrande arc_challenge openbookqa; do head -n 4 "$demo/utility.jsonl" >tasks/$task.jsonl; done

equal 'jobs' 20 "$(find . -name "*.json" -maxdepth 1 | wc -l)"
for job in *.json; do
    run "$CARAVAN" plan "$job" --ranks 4 --threads 2 --gflops 10
    equal "$job: exit code" 0 "$code"
    equal "$job: bytes on stderr" 0 "$(wc -c <err)"
    holds "$job: its name is the file's" out "${job%.json}: 12 harmful"
    holds "$job: has a price" out 'core hours'
    holds "$job: is in the table" "$CARAVAN_SOURCE_DIR/jobs/paper/README.md" "$(echo "${job%.json}" | sed -E 's/(advbench|jailbreakbench|maliciousinstruct)(-|$)/DATA\2/; s/^table-1-DATA/table-1-advbench/')"
    expect "$job: results are kept apart" grep -q "\"output\": \"../../results/paper/${job%.json}\"" "$job"
done

# The data-set level's, whole but for shorter answers.
sed 's/"max_new_tokens": 128/"max_new_tokens": 6/' table-3-data-set-maliciousinstruct.json >short.json
run mpirun -n 2 "$CARAVAN" run short.json --output out-short
equal 'a run: exit code' 0 "$code"
equal 'a run: groups, ways to decode, ablations' 28 "$(cat out-short/*/*/asr.csv | grep -c ',harmful,')"
finish
