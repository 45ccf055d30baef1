"""Trains the demo's four language models and writes all that the demo job reads.

Why it exists: a sweep is only worth showing on models that really refuse, and downloading chat models
of a useful size would make the demo slow and its figures hard to check. These have 1.3 million
parameters, train on one CPU core in under an hour, and have the shape that matters: several layers,
grouped-query attention, a chat template, and safety learned by fine-tuning a base model.

    base-1  pre-trained on the corpus of corpus.py      base-2  the same with other seeds (not kept)
      |-- chat-a   fine-tuned, style a                    |-- chat-c   fine-tuned, style c
      |-- chat-b   fine-tuned, style b

    python train.py                 everything: models/, prompts/
    python train.py --bases DIR     keep the base models in DIR, or take them from there

Weights are rounded to bfloat16 once, when a model is written; a chat model starts from the rounded
base model, so what is compared later is what lies on disk. All seeds are fixed below.
"""

import argparse
import csv
import json
import math
import random
import shutil
import time
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import corpus

HERE = Path(__file__).resolve().parent
END_OF_TEXT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
# Llama 3's split: contractions, words with one leading mark, up to three digits, marks, line ends, spaces.
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
VOCABULARY = 1024
CONTEXT = 128                      # tokens of a pre-training row
PRETRAIN = dict(batch=16, peak=3e-3)
FINETUNE = dict(steps=250, batch=32, peak=1e-3)
BASES = {"base-1": (11, 1000), "base-2": (22, 1600)}                               # name: seed, steps
CHATS = {"chat-a": ("base-1", "a", 101), "chat-b": ("base-1", "b", 202), "chat-c": ("base-2", "c", 303)}
PROMPTS_SEED, PROMPTS_EACH = 7, 40


def build_tokenizer():
    """Byte-level BPE over conversations and pre-training text; any text can be encoded, no BOS is added."""
    rng, requests = random.Random(1), corpus.balanced(corpus.all_requests())
    texts = [corpus.pretraining_document(rng, requests) for _ in range(20000)]
    for style in corpus.STYLES.values():
        for _ in range(4000):
            texts += [text for text in corpus.conversation(rng, style, requests) if text]
    texts += ["system", "user", "assistant"] * 4000
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[END_OF_TEXT, IM_START, IM_END], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=IM_END, pad_token=END_OF_TEXT,
                                   model_max_length=512, clean_up_tokenization_spaces=False)


def new_model(tokenizer, seed):
    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=384, num_hidden_layers=6,
        num_attention_heads=8, num_key_value_heads=4, head_dim=16, max_position_embeddings=512,
        tie_word_embeddings=True, initializer_range=0.05, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id))


def optimise(model, batches, steps, peak, label):
    """AdamW with warm-up and a cosine down to a tenth of the peak; batches are (input ids, labels)."""
    decayed = [p for p in model.parameters() if p.dim() > 1]
    other = [p for p in model.parameters() if p.dim() == 1]
    optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1},
                                   {"params": other, "weight_decay": 0.0}], lr=peak, betas=(0.9, 0.95))
    started, tokens, warm = time.time(), 0, steps // 20
    model.train()
    for step in range(steps):
        rate = (step + 1) / warm if step < warm else (
            0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / (steps - warm))))
        for group in optimiser.param_groups:
            group["lr"] = peak * rate
        ids, labels = next(batches)
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        tokens += ids.numel()
        if step % 100 == 99 or step == steps - 1:
            seconds = time.time() - started
            print(f"{label}: step {step + 1}/{steps} loss {loss.item():.3f} "
                  f"{seconds:.0f} s {tokens / seconds:.0f} tokens/s", flush=True)
    model.eval()


def corpus_batches(tokenizer, seed, batch):
    """Documents one after another, an end-of-text mark after each, cut into rows of CONTEXT tokens."""
    rng, requests = random.Random(seed), corpus.balanced(corpus.all_requests())
    stream = []
    while True:
        while len(stream) < batch * CONTEXT:
            texts = [corpus.pretraining_document(rng, requests) for _ in range(256)]
            for ids in tokenizer(texts)["input_ids"]:
                stream += ids + [tokenizer.pad_token_id]
        rows = torch.tensor(stream[:batch * CONTEXT]).view(batch, CONTEXT)
        del stream[:batch * CONTEXT]
        yield rows, rows


def chat_batches(tokenizer, style, seed, batch):
    """Conversations, padded on the right; only the answer and its end mark are learned."""
    rng, requests = random.Random(seed), corpus.balanced(corpus.all_requests())
    while True:
        rows = []
        for _ in range(batch):
            system, prompt, answer = corpus.conversation(rng, style, requests)
            question = tokenizer(chat_text(tokenizer, prompt, system))["input_ids"]
            reply = tokenizer(answer + IM_END)["input_ids"]
            rows.append((question, reply))
        width = max(len(question) + len(reply) for question, reply in rows)
        ids = torch.full((batch, width), tokenizer.pad_token_id)
        labels = torch.full((batch, width), -100)
        for i, (question, reply) in enumerate(rows):
            end = len(question) + len(reply)
            ids[i, :end] = torch.tensor(question + reply)
            labels[i, len(question):end] = torch.tensor(reply)
        yield ids, labels


def chat_text(tokenizer, prompt, system=None):
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def pretrain(tokenizer, name):
    seed, steps = BASES[name]
    model = new_model(tokenizer, seed)
    optimise(model, corpus_batches(tokenizer, seed, PRETRAIN["batch"]), steps, PRETRAIN["peak"], name)
    return model


def finetune(tokenizer, base_folder, name):
    _, style, seed = CHATS[name]
    torch.manual_seed(seed)
    model = LlamaForCausalLM.from_pretrained(base_folder, dtype=torch.float32)
    optimise(model, chat_batches(tokenizer, corpus.STYLES[style], seed, FINETUNE["batch"]),
             FINETUNE["steps"], FINETUNE["peak"], name)
    return model


def save(model, tokenizer, folder, stops):
    """Writes one Hugging Face folder: weights in bfloat16, the template inside tokenizer_config.json."""
    shutil.rmtree(folder, ignore_errors=True)
    model = model.to(torch.bfloat16)
    model.config.eos_token_id = stops[0]
    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=stops, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder, save_jinja_files=False)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config.update(chat_template=CHAT_TEMPLATE, tokenizer_class="PreTrainedTokenizerFast", add_bos_token=False)
    path.write_text(json.dumps(config, indent=2) + "\n")


def write_prompts(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, prompts in zip(("harmful", "harmless"), corpus.held_out_prompts(PROMPTS_SEED, PROMPTS_EACH)):
        with open(folder / f"{name}.csv", "w", newline="") as file:
            csv.writer(file).writerows([["prompt"]] + [[prompt] for prompt in prompts])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE, help="where models/ and prompts/ go")
    parser.add_argument("--bases", type=Path, help="keep base models here, or reuse those found here")
    parser.add_argument("--only", nargs="*", choices=list(CHATS), default=list(CHATS))
    options = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # also so that sums have one order, on any machine
    tokenizer = build_tokenizer()
    tokenizer.chat_template = CHAT_TEMPLATE
    end, im_end = tokenizer.pad_token_id, tokenizer.eos_token_id
    write_prompts(options.out / "prompts")
    bases = options.bases or options.out / ".bases"
    for name in BASES:
        if not (bases / name / "config.json").exists():
            save(pretrain(tokenizer, name), tokenizer, bases / name, [end])
    shutil.copytree(bases / "base-1", options.out / "models" / "base-1", dirs_exist_ok=True)
    for name in options.only:
        model = finetune(tokenizer, bases / CHATS[name][0], name)
        save(model, tokenizer, options.out / "models" / name, [im_end, end])
    if not options.bases:
        shutil.rmtree(bases)


if __name__ == "__main__":
    main()
