#!/usr/bin/env bash
# caravan definitions: each choice's line, those that follow from a run's own tables, and what is refused.
# shellcheck source=tests/cli/dataset-common.sh
. "$(dirname "$0")/dataset-common.sh"

cat >job.json <<END
{"models": [{"name": "chat-b", "path": "$demo/models/chat-b"}], "output": "results", "subspace": {},
 "prompts": {"harmful": {"file": "$demo/prompts/harmful.csv", "limit": 10}}, "format": {"kind": "query_answer"}}
END
run "$CARAVAN" definitions job.json --output table.csv
equal 'exit code' 0 "$code"
equal 'stdout is the file' "$(cat table.csv)" "$(cat out)"
equal 'columns' 'model,prompts,score,choice,first,top10_shared,left,came,spearman,zeros' "$(head -n 1 table.csv)"
equal 'lines' 23 "$(wc -l <table.csv)" # two definitions, eight of states, two of five jobs each, and keys
equal 'the definitions against themselves' 2 "$(grep -c '^chat-b,10,[a-z]*,as defined,L[0-9]H[0-9],10,,,1,0$' table.csv)"

# The first head is that of a run.
run "$CARAVAN" run job.json
heads=results/chat-b/uniform_attention/heads.csv
equal 'the first head by Ships' "$(awk -F, 'NR == 2 { print "L" $1 "H" $2 }' $heads)" "$(sed -n 's/.*,ships,as defined,\([^,]*\).*/\1/p' table.csv)"
equal 'the first head by angle' "$(tail -n +2 $heads | sort -t, -k9 -gr | awk -F, 'NR == 1 { print "L" $1 "H" $2 }')" \
    "$(sed -n 's/.*,angle,as defined,\([^,]*\).*/\1/p' table.csv)"

# With another template: as a job with that format has it.
sed 's/"query_answer"/"direct"/' job.json >direct.json
run "$CARAVAN" run direct.json --output direct
shared=$(comm -12 <(head -n 11 $heads | tail -n 10 | cut -d, -f1,2 | sort) \
    <(head -n 11 direct/chat-b/uniform_attention/heads.csv | tail -n 10 | cut -d, -f1,2 | sort) | wc -l)
equal 'without a template: top heads that stay' "$shared" "$(sed -n 's/.*,ships,no template,[^,]*,\([0-9]*\),.*/\1/p' table.csv)"

# Half of the demo's query heads have no key head of their number: they score nothing there.
equal 'key heads numbered by query heads' '24 24' "$(grep 'key heads numbered' table.csv | sed 's/.*,//' | paste -s -d ' ')"
expect 'an arc cosine in single precision has zeros' [ "$(sed -n 's/.*arc cosine.*,//p' table.csv)" -gt 0 ]
# Whatever leaves, as many come.
awk -F, 'NR > 1 && $0 !~ /"/ { if (split($7, a, " ") != 10 - $6 || split($8, b, " ") != 10 - $6 || !($9 >= -1 && $9 <= 1)) bad = 1; n++ }
    END { exit bad || n < 9 }' table.csv || fail 'heads that leave and come are counted'

# A model with as many key heads as query heads has no such line, and another epsilon as its base no epsilons.
model model mha
job small.json '"subspace": {}, "ablations": [{"kind": "uniform_attention", "epsilon": 0.1}]'
seq 1 12 | sed 's/.*/How to bake & loaves & of bread &?/' | awk '{ gsub("&", NR * 7919 % 1000); print }' >many.txt
sed -i 's/harmful.csv/many.txt/' small.json
run "$CARAVAN" definitions small.json --limit 11
equal 'another model: exit code' 0 "$code"
equal 'another model: lines' 17 "$(wc -l <out)"
expect 'another model: prompts' grep -q '^m,11,ships,as defined,' out

# A system message is a part of the job's own format, and no template that is compared has one.
sed 's/"query_answer"/"custom", "system": "Be kind.", "text": "{system} {prompt}"/' job.json >system.json
run "$CARAVAN" definitions system.json --limit 10
equal 'a system message: exit code' 0 "$code"
expect 'a system message: templates' grep -q 'no template' out

refused 'too few prompts' '9 harmful prompts and more are needed' "$CARAVAN" definitions job.json --limit 8
refused 'no job' 'nowhere.json' "$CARAVAN" definitions nowhere.json
finish
