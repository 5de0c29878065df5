"""Golden trajectories for src/decode/masked-diffusion from PyTorch.

Needs: transformers, torch, numpy.
Run from the repository root: python tools/golden_diffusion.py
Writes src/decode/masked-diffusion/diffusion.golden.json: what the reference sampler of LLaDA (generate.py of
ML-GSAI/LLaDA, with Dream's orders and Fast-dLLM's threshold) commits, step by step, on tiny random checkpoints of
test/golden/models with full attention, in float32. Seeds whose choices hang on rounding are skipped.
"""

import json
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM

MODELS = Path("test/golden/models")
OUTPUT = Path("src/decode/masked-diffusion/diffusion.golden.json")
MASK = 3
PROMPT = 11
# Two candidates closer than this could change places by rounding.
LEAST_GAP = 2e-4

# Checkpoint, then options of the method.
CASES = [
    ("llama", dict(genLength=24, blockLength=0)),
    ("llama", dict(genLength=24, blockLength=8, steps=12)),
    ("llama", dict(genLength=20, blockLength=10, steps=6, order="entropy")),
    ("llama", dict(genLength=20, blockLength=0, steps=7, order="margin")),
    ("llama", dict(genLength=16, blockLength=8, cfgScale=1.5)),
    ("llama", dict(genLength=24, blockLength=12, threshold=0.7)),
    ("qwen3", dict(genLength=24, blockLength=6, steps=8)),
]

torch.set_num_threads(1)


class Close(Exception):
    """Two candidates are too close to call."""


def logits_of(model, x):
    """Logits [positions, vocabulary] with every row seeing every other; the mask is never predicted."""
    visible = torch.zeros(1, 1, len(x), len(x))
    with torch.no_grad():
        logits = model(torch.tensor(x)[None], attention_mask=visible, use_cache=False).logits[0]
    logits = logits.double().numpy()
    logits[:, MASK] = -1e9
    return logits


def softmax(logits):
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def confidence_of(p, x0, order):
    if order == "entropy":
        return (p * np.log(p + 1e-10)).sum(-1)
    if order == "margin":
        top = np.sort(p, -1)
        return top[:, -1] - top[:, -2]
    return p[np.arange(len(p)), x0]


def sample(model, prompt, genLength, blockLength, steps=None, order="low_confidence", cfgScale=0.0, threshold=None):
    """Per step: [position in the answer, token, its probability, its confidence] in commit order."""
    length = blockLength or genLength
    blocks = genLength // length
    per_block = (steps or genLength) // blocks
    x = np.array(list(prompt) + [MASK] * genLength)
    done = np.array([True] * len(prompt) + [False] * genLength)
    trajectory = []
    for block in range(blocks):
        end = len(prompt) + (block + 1) * length
        masks = int((~done[:end]).sum())
        base, remainder = divmod(masks, per_block)
        step = 0
        while not done[:end].all():
            raw = logits_of(model, x)
            logits = raw
            if cfgScale > 0:
                unconditional = x.copy()
                unconditional[: len(prompt)] = MASK
                other = logits_of(model, unconditional)
                logits = other + (cfgScale + 1) * (raw - other)
            x0 = logits.argmax(-1)
            confidence = confidence_of(softmax(logits), x0, order)
            confidence[done] = -np.inf
            confidence[end:] = -np.inf
            ranked = np.argsort(-confidence, kind="stable")
            if threshold is None:
                count = base + (step < remainder)
            else:
                count = max(1, int((confidence >= threshold).sum()))
                if np.abs(confidence[~done] - threshold).min() < LEAST_GAP:
                    raise Close
            chosen = ranked[:count]
            # What is committed must win clearly, and so must the order among the committed.
            best = np.sort(logits[~done], -1)
            if (best[:, -1] - best[:, -2]).min() < LEAST_GAP:
                raise Close
            gaps = confidence[ranked[:count]] - confidence[ranked[1 : count + 1]]
            if gaps.min() < LEAST_GAP:
                raise Close
            probability = softmax(raw)
            trajectory.append(
                [
                    [int(i) - len(prompt), int(x0[i]), round(float(probability[i, x0[i]]), 6), round(float(confidence[i]), 6)]
                    for i in chosen
                ]
            )
            x[chosen] = x0[chosen]
            done[chosen] = True
            step += 1
    return trajectory


def main():
    models = {}
    cases = []
    for name, options in CASES:
        if name not in models:
            models[name] = AutoModelForCausalLM.from_pretrained(
                MODELS / name, dtype=torch.float32, attn_implementation="eager"
            ).eval()
        for seed in range(200):
            prompt = np.random.default_rng(seed).integers(4, models[name].config.vocab_size, PROMPT).tolist()
            try:
                steps = sample(models[name], prompt, **options)
            except Close:
                continue
            break
        else:
            raise SystemExit(f"no seed of {name} {options} is clear of rounding")
        print(name, options, "seed", seed, "steps", len(steps), [len(step) for step in steps])
        cases.append({"model": name, "prompt": prompt, "options": options, "steps": steps})
    OUTPUT.write_text(json.dumps({"mask": MASK, "cases": cases}, separators=(",", ":")) + "\n")


main()
