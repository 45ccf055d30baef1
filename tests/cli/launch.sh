#!/usr/bin/env bash
# What a run says of its ranks before it begins, and what it refuses then: wrong launches, too little memory.
# shellcheck source=tests/cli/dataset-common.sh
. "$(dirname "$0")/dataset-common.sh"

job job.json
run mpirun -n 2 "$CARAVAN" run job.json
equal 'two ranks: exit code' 0 "$code"
expect 'two ranks: hosts, threads, BLAS' grep -qE '^caravan: 2 ranks on 1 host: .* \(2 ranks, 2 threads, BLAS [A-Za-z0-9]+\)$' err
expect 'two ranks: binding and instruction set' grep -qE '^caravan: cores: ranks? 0.* on [0-9,-]+.*; .+, [A-Z0-9-]+$' err
expect 'two ranks: memory' grep -qE '^caravan: memory: at most [0-9]+ MiB a rank beside [0-9]+ MiB of weights a host, which has [0-9]+ MiB' err
holds 'two ranks: the manifest has their cores' results/manifest.json '"cores": '
holds 'two ranks: the manifest says that they are alike' results/manifest.json '"ranks_have_same_kernels": true'

cat >limit.json <<'END'
{"models": [{"name": "m", "path": "model"}], "prompts": {"harmful": {"file": "harmful.csv", "limit": 5}}, "output": "few"}
END
run "$CARAVAN" run limit.json
holds 'a limit that limits nothing is told' err 'harmful.csv: has 4 prompts, fewer than the limit of 5: all are taken'
expect 'a limit that was not reached is no error' [ "$code" -eq 0 ]

run env OMP_NUM_THREADS=3 SLURM_CPUS_PER_TASK=2 taskset -c 0 "$CARAVAN" run job.json --output bound
equal 'more threads than cores: exit code' 0 "$code"
holds 'more threads than cores: warning' err 'runs 3 threads on the 1 cores it is bound to; set OMP_NUM_THREADS=1'
holds 'more threads than cores: binding' err 'cores: rank 0 on 0; '
run env OMP_NUM_THREADS=2 SLURM_CPUS_PER_TASK=1 "$CARAVAN" run job.json --output more
expect 'more threads than Slurm gave: warning' grep -qE 'threads, but Slurm gave it 1 CPU |threads on the [0-9]+ cores' err

demo_job stages.json chat-a 20 3 6 32
refused 'less memory than the ranks need' 'but there are 0.000977 GiB (SLURM_MEM_PER_NODE): start fewer ranks a node' \
    env SLURM_MEM_PER_NODE=1 "$CARAVAN" run stages.json

# The sweep would fit, but the answers, whose keys and values are kept, do not: refused before the sweep.
demo_job answers.json chat-a 4 2 200 4 '"engine": {"memory_gib": 0.003}'
refused 'less memory than an answer needs' 'one answer of model chat-a needs' "$CARAVAN" run answers.json

finish
