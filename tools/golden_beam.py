"""Golden answers for src/decode/baseline/beam.ts from Hugging Face transformers' beam search.

Needs: transformers, torch.
Run from the repository root: python tools/golden_beam.py
Writes src/decode/baseline/beam.golden.json: prompts for models/stories260k in float32, the options of each search,
the answer's ids and its score. Prints how far the runner-up lies behind: small gaps may turn on rounding.
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

MODEL = Path("models/stories260k")
OUTPUT = Path("src/decode/baseline/beam.golden.json")
BOS, EOS = 1, 2

PROMPTS = 4
FREQUENT = [13, 265, 267, 269, 286, 426, 432, 443]
# End tokens beside the model's own, options of the method, limits. The model's own end comes after hundreds of tokens; a full stop (426) or
# a comma (432) in its place tests answers that end.
SEARCHES = [
    (None, {"beams": 4}, {"maxTokens": 32}),
    (None, {"beams": 2, "lengthPenalty": 0.0}, {"maxTokens": 48}),
    (None, {"beams": 4, "lengthPenalty": 2.0}, {"maxTokens": 120}),
    ([426], {"beams": 4}, {"maxTokens": 40}),
    ([426], {"beams": 4, "earlyStopping": True}, {"maxTokens": 40}),
    ([426], {"beams": 3, "lengthPenalty": -0.5}, {"maxTokens": 60}),
    ([426], {"beams": 6, "lengthPenalty": 1.5, "earlyStopping": True}, {"maxTokens": 24}),
    ([426, 432], {"beams": 4}, {"maxTokens": 40}),
    ([426], {"beams": 4}, {"maxTokens": 40, "minTokens": 12}),
    # Ends so frequent that they take most of the best places.
    (FREQUENT, {"beams": 2}, {"maxTokens": 30}),
    (FREQUENT, {"beams": 3, "lengthPenalty": 2.0}, {"maxTokens": 30}),
    (FREQUENT, {"beams": 3, "lengthPenalty": 0.0}, {"maxTokens": 30}),
    (FREQUENT, {"beams": 5, "lengthPenalty": 3.0}, {"maxTokens": 30}),
    (FREQUENT, {"beams": 5, "lengthPenalty": 3.0, "earlyStopping": True}, {"maxTokens": 30}),
]


def prompts(model):
    """BOS, and beginnings of different length that the model wrote itself with a seed."""
    torch.manual_seed(7)
    written = model.generate(
        torch.tensor([[BOS]] * (PROMPTS - 1)), do_sample=True, max_new_tokens=40, min_new_tokens=40
    )
    return [[BOS]] + [row[: 9 + 11 * i].tolist() for i, row in enumerate(written)]


def search(model, prompt, eos, options, limits):
    """The best answer, and its lead over the second best."""
    ends = [EOS, *(eos or [])]
    out = model.generate(
        torch.tensor([prompt]),
        num_beams=options["beams"],
        num_return_sequences=2,
        do_sample=False,
        max_new_tokens=limits["maxTokens"],
        min_new_tokens=limits.get("minTokens"),
        length_penalty=options.get("lengthPenalty", 1.0),
        early_stopping=options.get("earlyStopping", False),
        eos_token_id=ends,
        pad_token_id=0,
        return_dict_in_generate=True,
        output_scores=True,
    )
    ids = out.sequences[0].tolist()[len(prompt) :]
    length = next((i + 1 for i, token in enumerate(ids) if token in ends), len(ids))
    best, second = out.sequences_scores.tolist()
    return ids[:length], best, best - second


def main():
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    cases = []
    for prompt in prompts(model):
        for eos, options, limits in SEARCHES:
            ids, score, lead = search(model, prompt, eos, options, limits)
            case = {"prompt": prompt, "options": options, "limits": limits, "ids": ids, "score": round(score, 5)}
            cases.append({**case, "eos": eos} if eos else case)
            print(f"{len(prompt)} tokens, {options}, {limits}, ends {eos}: {len(ids)} ids, lead {lead:.5f}")
    OUTPUT.write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
