"""Holds answers of Caravan against those of transformers: python compare_generation.py ANSWERS REFERENCE.json

ANSWERS: what `caravan generate --ids-only` prints, an array of ids a line. Tokens must be equal one by one
wherever the reference's two largest logits differ by more than 1e-4. Nearer ones may be chosen either
way; after such a difference the texts are different ones, and the rest is not compared, but counted.
"""

import json
import sys
from pathlib import Path

MARGIN = 1e-4


def main():
    answers = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    reference = json.loads(Path(sys.argv[2]).read_text())
    most, eos = reference["max_new_tokens"], set(reference["eos"])
    wrong = compared = ties = ended = left = 0
    if len(answers) != len(reference["answers"]) or not answers:
        sys.exit(f"WRONG: {len(answers)} answers, {len(reference['answers'])} in the reference")
    for number, (ours, theirs) in enumerate(zip(answers, reference["answers"])):
        for place in range(most):
            if place == len(theirs["ids"]):
                break
            token = ours[place] if place < len(ours) else "end"
            expected = "end" if theirs["ids"][place] in eos else theirs["ids"][place]
            if token == expected:
                compared += 1
                ended += token == "end"
                continue
            if theirs["margins"][place] <= MARGIN:
                ties += 1
                left += len(theirs["ids"]) - place
            else:
                wrong += 1
                print(f"WRONG: prompt {number}, token {place}: {token}, expected {expected}, "
                      f"margin {theirs['margins'][place]:.3g}")
            break
        else:
            if len(ours) > most:
                wrong += 1
                print(f"WRONG: prompt {number}: {len(ours)} tokens, more than {most}")
    near = sum(margin <= MARGIN for theirs in reference["answers"] for margin in theirs["margins"])
    print(f"{len(answers)} answers: {compared} tokens equal ({ended} of them the end), {near} chosen by 1e-4 or less, "
          f"{ties} answers left at such a one ({left} tokens not compared)")
    sys.exit(1 if wrong or compared == 0 else 0)


main()
