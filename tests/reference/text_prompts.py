"""Prints, as JSON, the prompts of a CSV file and their ids under a tokenizer, in the form of the files
that text_fixtures.py makes; for prompts that may not be part of the repository.

    python tests/reference/text_prompts.py FOLDER FILE.csv
"""

import csv
import json
import sys

from text_ids import reference

COLUMNS = ["goal", "Goal", "input", "prompt", "query"]


def main(folder, path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    column = next(name for name in COLUMNS if name in rows[0])
    prompts = [row[column] for row in rows]
    json.dump({"strings": prompts, **reference(folder, prompts)}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
