"""The tables of results/smollm2-family.md, as Markdown on stdout.

    python jobs/family/tables.py OVERLAP_DIR RESULT_DIR...

OVERLAP_DIR is what `caravan overlap RESULT_DIR... --output OVERLAP_DIR` wrote. Only copies and rounds
what the tables of the results say.
"""

import csv
import sys
from pathlib import Path

SCORES = ("ships", "angle", "ships_harmless", "ships_specificity", "ships_residual")


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def number(text, digits=3):
    return f"{float(text):.{digits}f}" if text else "-"


def probability(text):
    if not text:
        return "-"
    return f"{float(text):.3f}" if float(text) >= 0.001 else f"{float(text):.0e}"


def interval(row, value, stem=None, digits=3):
    stem = stem or value
    text = number(row[value], digits)
    if not row[stem + "_low"]:
        return text
    return f"{text} ({number(row[stem + '_low'], digits)} to {number(row[stem + '_high'], digits)})"


def answers(folders):
    """Refusals by the job's first judge, incoherent answers in brackets."""
    rows = []
    for folder in folders:
        for path in sorted(folder.rglob("asr.csv")):
            groups = {}
            for row in read(path):
                groups.setdefault((row["group"], row["heads"]), {})[row["prompts"]] = row
            rows += [[path.parts[-3], group, heads] +
                     [f"{found[kind]['refused']}/{found[kind]['n']} ({found[kind]['incoherent']})"
                      for kind in ("harmful", "harmless")] for (group, heads), found in groups.items()]
    table(["model", "heads off", "", "harmful refused (incoherent)", "harmless refused (incoherent)"], rows)


def top_heads(folders):
    columns = {path.parts[-3]: read(path)[:10] for folder in folders for path in sorted(folder.rglob("heads.csv"))}
    table(["rank", *columns],
          [[str(rank + 1)] + [f"L{heads[rank]['layer']}H{heads[rank]['head']} {float(heads[rank]['ships_mean']):.3g}"
                              for heads in columns.values()] for rank in range(10)])


def pairs(overlap, k, scores):
    jaccard = {}
    for name in ("overlap.csv", "overlap_control.csv"):
        for row in read(overlap / name):
            jaccard[row["model_a"], row["model_b"], row["score"], row["k"]] = row["jaccard"]
    rows = [row for row in read(overlap / "overlap_nulls.csv") if row["k"] == str(k) and row["score"] in scores]
    nulls = ("uniform", "layers", "general", "general_layers")
    table(["pair", "score", "shared, 95 %", "Jaccard", *(f"{null}: expected, p, q" for null in nulls),
           "RBO, 95 %", "tau, 95 %"],
          [[f"{row['model_a']}, {row['model_b']}", row["score"], interval(row, "shared", digits=0),
            number(jaccard[row["model_a"], row["model_b"], row["score"], row["k"]], 2),
            *(f"{number(row['expected_' + null], 2)}, {probability(row['p_' + null])}, {probability(row['q_' + null])}"
              for null in nulls),
            interval(row, "rbo", digits=2), interval(row, "kendall_tau", "tau", 2)] for row in rows])


def depths(overlap):
    table(["pair", "bases", "score", "distance, 95 %"],
          [[f"{row['model_a']}, {row['model_b']}", row["bases"], row["score"], interval(row, "distance")]
           for row in read(overlap / "depth_distance.csv") if row["score"] in SCORES])
    rows = [row for row in read(overlap / "concentration.csv") if row["k"] == "10" and row["score"] in SCORES]
    table(["model", "score", "heads", "Gini, 95 %", "share of the top 10, 95 %"],
          [[row["model"], row["score"], row["heads"], interval(row, "gini"), interval(row, "top_share")]
           for row in rows])


def quarters(overlap):
    """The share of the scores in each quarter of the depth."""
    sums = {}
    for row in read(overlap / "depth.csv"):
        part = sums.setdefault((row["model"], row["score"]), [0.0] * 4)
        part[min(3, int(4 * float(row["relative_depth"])))] += float(row["share"])
    table(["model", "score", "first quarter", "second", "third", "last"],
          [[model, score, *(f"{part:.2f}" for part in parts)] for (model, score), parts in sums.items() if score in SCORES])


def main():
    overlap, folders = Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]]
    answers(folders)
    top_heads(folders)
    print("Top 10:\n")
    pairs(overlap, 10, SCORES)
    for k in (5, 20):
        print(f"Top {k}:\n")
        pairs(overlap, k, SCORES[:2])
    depths(overlap)
    quarters(overlap)


if __name__ == "__main__":
    main()
