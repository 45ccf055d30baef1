#!/usr/bin/env python3
"""Writes a results folder of made-up numbers, laid out as docs/results.md says, for tests of the report.

    tests/browser/synthesise.py DIR [--models N] [--layers L] [--heads H] [--prompts P] [--hostile]

With --hostile the texts that a job may choose freely are markup in every language that the report is written in.
The same arguments give the same bytes.
"""
import argparse
import csv
import json
import math
import os
import random

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;</script></title>]]>-->|`*_$\\input{x}%#~^{}\u202e\x07"
ABLATION = "uniform_attention"
RESAMPLES = 60


def write_csv(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header.split(","))
        table.writerows(rows)


def quantiles(values):
    values = sorted(values)
    return values[int(0.025 * len(values))], values[int(0.975 * len(values))]


def wilson(k, n):
    z = 1.959963984540054
    centre, width = k / n + z * z / (2 * n), z * math.sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n))
    return (centre - width) / (1 + z * z / n), (centre + width) / (1 + z * z / n)


def heads_of(chance, layers, heads, prompts):
    """Each head's mean scores, with intervals of a normal bootstrap."""
    rows = []
    for layer in range(layers):
        for head in range(heads):
            harmful = math.exp(chance.gauss(-7 + 2 * math.sin(3 * layer / layers), 1.6))
            harmless = harmful * math.exp(chance.gauss(-0.3, 0.8))
            error = harmful * chance.uniform(0.5, 3) / math.sqrt(prompts)
            rows.append({"layer": layer, "head": head, "ships": harmful, "harmless": harmless, "error": error,
                         "angle": 10 * math.sqrt(harmful) * chance.uniform(0.5, 1.5)})
    rows.sort(key=lambda row: -row["ships"])
    for row in rows:
        row["samples"] = [max(0, chance.gauss(row["ships"], row["error"])) for _ in range(RESAMPLES)]
        row["ranks"], row["low_high"] = [], quantiles(row["samples"])
    for b in range(RESAMPLES):
        for rank, row in enumerate(sorted(rows, key=lambda row: -row["samples"][b])):
            row["ranks"].append(rank + 1)
    return rows


def write_run(folder, chance, args, groups):
    os.makedirs(folder, exist_ok=True)
    rows = heads_of(chance, args.layers, args.heads, args.prompts)
    share = 1 / (10 * args.layers * args.heads)
    write_csv(f"{folder}/heads.csv",
              "layer,head,rank,ships_mean,ships_low,ships_high,harmless_mean,specificity,angle_deg,top10_probability,"
              "parameter_share",
              [[r["layer"], r["head"], i + 1, r["ships"], *r["low_high"], r["harmless"], r["ships"] - r["harmless"],
                r["angle"], sum(rank <= 10 for rank in r["ranks"]) / RESAMPLES, share] for i, r in enumerate(rows)])
    write_csv(f"{folder}/intervals.csv",
              "layer,head,rank,rank_low,rank_high,specificity,specificity_low,specificity_high",
              [[r["layer"], r["head"], i + 1, *quantiles(r["ranks"]), r["ships"] - r["harmless"],
                r["ships"] - r["harmless"] - 3 * r["error"], r["ships"] - r["harmless"] + 3 * r["error"]]
               for i, r in enumerate(rows)])
    write_csv(f"{folder}/stability.csv", "score,prompts,splits,spearman,spearman_low,spearman_high",
              [["harmful_ships", args.prompts, 2000, 0.93, 0.91, 0.95]])
    write_csv(f"{folder}/sahara.csv", "step,layer,head,angle_deg,parameter_share",
              [[s + 1, r["layer"], r["head"], 3.1 * (s + 1), share * (s + 1)] for s, r in enumerate(rows[:5])])
    write_answers(folder, chance, args, groups, rows)


def write_answers(folder, chance, args, groups, rows):
    asr, judges, utility, n = [], [], [], args.prompts
    for number, group in enumerate(groups):
        heads = " ".join(f"L{r['layer']}H{r['head']}" for r in rows[:number])
        for prompts in ("harmful", "harmless"):
            kept = int(n * (0.95 if prompts == "harmless" else min(0.9, 0.05 + 0.15 * number)))
            coherent = kept - chance.randrange(kept // 4 + 1)
            row = [group, heads, prompts, "greedy", n, n - kept, kept - coherent, kept / n, *wilson(kept, n)]
            asr.append(row + [coherent / n])
            for judge in ("paper", "prefix"):
                judges.append(row + [coherent / n, *wilson(coherent, n), judge])
        for task in ("boolq", "rte"):
            k = int(n * chance.uniform(0.5, 0.8))
            difference = [""] * 3 if number == 0 else [-0.01, -0.03, 0.01]
            utility.append([group, heads, task, n, k / n, *wilson(k, n), *difference, k / n, *wilson(k, n), *difference])
    header = "group,heads,prompts,decode,n,refused,incoherent,asr,asr_low,asr_high,coherent_asr"
    write_csv(f"{folder}/asr.csv", header, asr)
    write_csv(f"{folder}/judges.csv", header + ",coherent_asr_low,coherent_asr_high,judge", judges)
    write_csv(f"{folder}/utility.csv",
              "group,heads,task,n,acc,acc_low,acc_high,acc_difference,acc_difference_low,acc_difference_high,"
              "acc_norm,acc_norm_low,acc_norm_high,acc_norm_difference,acc_norm_difference_low,acc_norm_difference_high",
              utility)


def write_comparison(folder, chance, args, models):
    """As caravan overlap does; here names of models are free texts."""
    members = models + ([HOSTILE.replace("\x07", "")] if args.hostile else [])
    pairs = [(a, ABLATION, b, ABLATION) for i, a in enumerate(members) for b in members[i + 1:]]
    rows, nulls = [], []
    for pair in pairs:
        for k in (5, 10):
            shared = chance.randrange(k + 1)
            rows.append([*pair, "ships", k, shared, 0.5, shared / (2 * k - shared), 0.01, 0.5, 0.3, 0.1, 0.4])
            nulls.append([*pair, "same", "ships", k, shared, 0, k, 0.5, 0.01, 0.02, 0.2, 0.3, 0.4, 0.3, 0.2, 0.1])
    write_csv(f"{folder}/overlap.csv",
              "model_a,ablation_a,model_b,ablation_b,score,k,shared,expected,jaccard,p_value,rbo,kendall_tau,tau_low,"
              "tau_high", rows)
    write_csv(f"{folder}/overlap_nulls.csv",
              "model_a,ablation_a,model_b,ablation_b,bases,score,k,shared,shared_low,shared_high,expected_uniform,"
              "p_uniform,q_uniform,p_layers,p_general,p_general_layers,kendall_tau,tau_low,tau_high", nulls)
    write_csv(f"{folder}/depth.csv", "model,ablation,score,layer,relative_depth,share",
              [[member, ABLATION, "ships", layer, (layer + 0.5) / args.layers, chance.random() / args.layers]
               for member in members for layer in range(args.layers)])
    write_csv(f"{folder}/concentration.csv", "model,ablation,score,heads,gini,gini_low,gini_high,k,top_share",
              [[member, ABLATION, "ships", 7, 0.5, 0.4, 0.6, 10, 0.8] for member in members])
    with open(f"{folder}/overlap.json", "w", encoding="utf-8") as file:
        json.dump({"members": [{"model": m, "ablation": ABLATION, "layers": args.layers, "heads": args.heads}
                               for m in members]}, file)


def write_manifest(folder, args, models, groups, name):
    prompts = {kind: {"file": f"prompts/{kind}.csv" if not args.hostile else HOSTILE, "sha256": "0" * 64,
                      "prompts": args.prompts} for kind in ("harmful", "harmless")}
    manifest = {
        "name": name,
        "job": {"name": name, "models": [{"name": model} for model in models]},
        "definitions": {"score": "made-up numbers", "format": "direct", "evaluate": {"groups": groups, "asr_judge": "paper"},
                        "ablations": [{"name": ABLATION, "kind": ABLATION, "epsilon": 0.0}]},
        "models": [{"name": model, "path": HOSTILE if args.hostile else f"models/{model}", "base": "base",
                    "architecture": "LlamaForCausalLM", "parameters": 1000, "dtype": "F32",
                    "files": [{"name": "model.safetensors", "bytes": 1, "sha256": "0" * 64}]} for model in models],
        "prompts": prompts,
        "versions": {"caravan": "0.0.0"},
        "ranks": [{"rank": 0, "host": HOSTILE if args.hostile else "node", "threads": 1}],
        "performance": {"units": 1, "wall_seconds": 1.0},
    }
    with open(f"{folder}/manifest.json", "w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--models", type=int, default=1)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--heads", type=int, default=32)
    parser.add_argument("--prompts", type=int, default=520)
    parser.add_argument("--hostile", action="store_true")
    args = parser.parse_args()
    models = [f"model-{m + 1}" for m in range(args.models)]
    groups = ["none"] + [f"sahara:{s}" for s in range(1, 6)] + ([HOSTILE.replace("\x07", "")] if args.hostile else [])
    for number, model in enumerate(models):
        write_run(f"{args.folder}/{model}/{ABLATION}", random.Random(number), args, groups)
    if args.models > 1:
        write_comparison(args.folder, random.Random(0), args, models)
    write_manifest(args.folder, args, models, groups, HOSTILE if args.hostile else "made up")


if __name__ == "__main__":
    main()
