"""Prints, as JSON, the prompts of CSV files and their ids under a tokenizer, by file and in the form of
the files that text_fixtures.py makes; for prompts that may not be part of the repository.

    python tests/reference/text_prompts.py FOLDER FILE.csv ...
"""

import csv
import json
import sys

from text_ids import open_tokenizer, reference

COLUMNS = ["goal", "Goal", "input", "prompt", "query"]


def prompts_of(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    column = next(name for name in COLUMNS if name in rows[0])
    return [row[column] for row in rows]


def main(folder, *paths):
    tokenizer = open_tokenizer(folder)
    found = {}
    for path in paths:
        prompts = prompts_of(path)
        found[path] = {"strings": prompts, **reference(tokenizer, prompts)}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
