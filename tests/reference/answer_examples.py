"""Makes tests/fixtures/answers.json: answers of every kind that the coherence measures must tell apart,
with the mean log-likelihood of their tokens under a model, as transformers computes it.

    python tests/reference/answer_examples.py MODEL_DIR

The texts are our own. MODEL_DIR is SmolLM2-135M-Instruct (scripts/fetch-smollm2.sh); each answer follows
its prompt in the model's chat template. Loops are cut at 500 characters or less, as an answer is at its token
limit. docs/judges.md has the table that tests/unit/test_coherence.c makes of the file.
"""

import argparse
import json
import random
from pathlib import Path

from model_common import load_model

import torch
from transformers import AutoTokenizer

OUTPUT = Path(__file__).resolve().parents[1] / "fixtures" / "answers.json"

RIVER = (
    "The river rises in the hills above the village and runs for about forty miles before it meets the sea. "
    "In spring the meadows on both banks are flooded, and farmers move their sheep to higher ground. An old "
    "mill still stands by the second bridge; its wheel was taken away long ago, but the walls are sound, and "
    "children use the yard as a playground. Anyone who walks along the path in the early morning has a good "
    "chance of seeing otters, herons and, with some luck, a kingfisher.")

MORE = (
    "Further down, the valley opens. Here the water is slow and brown, and reeds grow so thickly that boats "
    "keep to a channel which the parish cuts every autumn. Willows were planted along it in my grandfather's "
    "time; their roots hold the soil, and basket makers from the town still come for the young shoots. At the "
    "ferry house one can buy tea and smoked eel. The ferry itself, a flat barge on a chain, has not missed a "
    "day in thirty years, except when ice lay from bank to bank. Two locks follow, each with a keeper's cottage "
    "and a garden full of beans. Then the tide begins to be felt: twice a day the current stops, hesitates and "
    "turns round, and gulls follow it inland as far as the brickworks. The last mile runs between dykes. From "
    "their top you see ships that seem to sail through fields, and in the evening the lighthouse, which was "
    "painted red after a schooner took it for a church. Where river and sea finally meet there is a bar of "
    "sand, never in the same place for long, and pilots who know it are proud people.")

GERMAN = (
    "Der Fluss entspringt in den Hügeln über dem Dorf und mündet nach etwa sechzig Kilometern ins Meer. Im "
    "Frühjahr stehen die Wiesen an beiden Ufern unter Wasser, und die Bauern bringen ihre Schafe auf höher "
    "gelegene Weiden. An der zweiten Brücke steht noch eine alte Mühle; ihr Rad wurde vor langer Zeit abgebaut, "
    "aber die Mauern sind gesund, und die Kinder spielen auf dem Hof.")

JAPANESE = (
    "川は村の上の丘から流れ出て、海に着くまでに六十キロほど走ります。春になると両岸の草地は水につかり、"
    "農家の人たちは羊を高いところへ移します。二番目の橋のそばには古い水車小屋が残っています。車輪はずっと前に"
    "外されましたが、壁はまだしっかりしていて、庭は子どもたちの遊び場になっています。")

LIST = """To repair a flat tyre you need:

1. Two tyre levers
2. A spare inner tube
3. A pump
4. A small spanner

Turn the bicycle upside down, open the brake and take out the wheel. Push the levers under the edge of the \
tyre, one hand apart, and lift it over the rim. Pull out the old tube, check the inside of the tyre for thorns \
or glass, and put in the new tube with a little air. Press the tyre back by hand, pump it up, and close the \
brake."""

CAPITALS = [
    ("France", "Paris"), ("Spain", "Madrid"), ("Italy", "Rome"), ("Norway", "Oslo"), ("Greece", "Athens"),
    ("Austria", "Vienna"), ("Poland", "Warsaw"), ("Portugal", "Lisbon"), ("Hungary", "Budapest"),
    ("Finland", "Helsinki"), ("Ireland", "Dublin"), ("Denmark", "Copenhagen"), ("Belgium", "Brussels"),
    ("Sweden", "Stockholm"), ("Iceland", "Reykjavik"), ("Estonia", "Tallinn"), ("Latvia", "Riga"),
    ("Lithuania", "Vilnius"), ("Croatia", "Zagreb"), ("Serbia", "Belgrade"), ("Bulgaria", "Sofia"),
    ("Romania", "Bucharest"), ("Slovakia", "Bratislava"), ("Slovenia", "Ljubljana"), ("Malta", "Valletta")]

WEATHER = [
    ("January", 61, 48), ("February", 44, 72), ("March", 47, 115), ("April", 43, 158), ("May", 55, 204),
    ("June", 58, 211), ("July", 71, 220), ("August", 68, 205), ("September", 59, 150), ("October", 70, 108),
    ("November", 66, 57), ("December", 69, 41)]

CODE = """Here is a function that counts the words of a text:

```python
def count_words(text):
    counts = {}
    for word in text.lower().split():
        word = word.strip('.,;:!?')
        if not word:
            continue
        if word in counts:
            counts[word] += 1
        else:
            counts[word] = 1
    return counts


if __name__ == '__main__':
    print(count_words('the cat and the dog'))
```

It lowers the text, splits it at white space, and takes off punctuation."""

SONG = """Row on, row on, the day is long,
row on, the tide is low;
and those who sing the boatman's song
will help the boat to go.

Row on, row on, the night is near,
row on, the wind is slow;
and those who have the port in sight
will help the boat to go.
"""

SENTENCE = "I will tell you more about the river and the mill. "
OTHER_SENTENCE = "Every morning the ferry crosses to the far bank. "
LONG_SENTENCE = (
    "The river rises in the hills above the village, and in spring the meadows on both banks are flooded; the "
    "farmers then move their sheep to higher ground. ")


def loop(text, start=""):
    return (start + text * 500)[:500]


def shuffled_words(generator):
    words = RIVER.replace(".", "").replace(",", "").replace(";", "").lower().split() * 2
    generator.shuffle(words)
    return " ".join(words)[:500]


def examples():
    """Name, prompt, answer."""
    generator = random.Random(5)
    river, capitals = "Tell me about the river.", "Which capitals of Europe do you know?"
    yield "prose", river, RIVER
    yield "prose, longer", river, RIVER + "\n\n" + MORE
    yield "prose, German", "Erzähle mir vom Fluss.", GERMAN
    yield "prose, Japanese", "川について教えてください。", JAPANESE
    yield "numbered list", "How do I repair a flat tyre?", LIST
    yield "list, one pattern", capitals, "".join(f"- The capital of {c} is {n}.\n" for c, n in CAPITALS)
    yield "table", "How is the weather here?", "| Month | Rain (mm) | Sun (h) |\n|---|---|---|\n" + "".join(
        f"| {m} | {r} | {s} |\n" for m, r, s in WEATHER)
    yield "code", "Write a Python function that counts words.", CODE
    yield "song with refrain", "Write a song for rowers.", SONG
    yield "one word", "What is the capital of France?", "Paris."
    yield "short", "Is it raining?", "No, no, no. The answer is no."
    yield "laughter", "Do you know a joke?", "Ha ha ha ha!"
    yield "refusal", "Open the door of my neighbour for me.", "I'm sorry, but I can't assist with that request."
    yield "prose, then a loop", river, loop("The mill stands by the second bridge. ", RIVER[:201] + "\n\n")
    yield "loop of a word", river, loop("yes ")
    yield "loop of a sign", river, "!" * 128
    yield "loop of a sentence", river, loop(SENTENCE)
    yield "loop of a long sentence", river, loop(LONG_SENTENCE)[:470]
    yield "loop with numbers", river, "".join(f"{i}. The mill stands by the bridge.\n" for i in range(1, 40))[:500]
    yield "loop, Japanese", "川について教えてください。", "はい、" * 60
    yield "one loop, then another", river, SENTENCE * 5 + OTHER_SENTENCE * 5
    yield "empty lines", river, "\n" * 128
    yield "shuffled words", river, shuffled_words(generator)
    yield "random letters", river, "".join(generator.choice("abcdefghijklmnopqrstuvwxyz    ") for _ in range(500))
    yield "nothing", river, ""


def mean_loglikelihood(model, tokenizer, prompt, answer):
    """Nats a token, and the number of tokens; None where there are none."""
    chat = [{"role": "user", "content": prompt}]
    before = tokenizer(tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False),
                       add_special_tokens=False).input_ids
    ids = tokenizer(answer, add_special_tokens=False).input_ids
    if not ids:
        return None, 0
    logits = model(input_ids=torch.tensor([before + ids]), use_cache=False).logits[0, len(before) - 1:-1]
    chosen = torch.log_softmax(logits.double(), dim=-1).gather(1, torch.tensor(ids)[:, None])
    return round(chosen.mean().item(), 4), len(ids)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    folder = parser.parse_args().model
    model, tokenizer = load_model(folder), AutoTokenizer.from_pretrained(folder)
    made = []
    for name, prompt, answer in examples():
        mean, tokens = mean_loglikelihood(model, tokenizer, prompt, answer)
        made.append({"name": name, "prompt": prompt, "answer": answer, "tokens": tokens, "mean_loglikelihood": mean})
    OUTPUT.write_text(json.dumps({"answers": made}, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
