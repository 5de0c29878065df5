"""Golden answers for src/decode/sampling from Hugging Face transformers' logits processors.

Needs: transformers, torch, numpy.
Run from the repository root: python tools/golden_sampling.py
Writes src/decode/sampling/transformers.golden.json: logits, and per processor the ids it keeps or the new logits.
"""

import json
from pathlib import Path

import numpy as np
import torch
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

VOCABULARY = 48
OUTPUT = Path("src/decode/sampling/transformers.golden.json")


def kept(warper, logits):
    scores = warper(torch.zeros((1, 1), dtype=torch.long), torch.tensor(logits, dtype=torch.float32)[None])
    return torch.nonzero(torch.isfinite(scores[0])).flatten().tolist()


def main():
    random = np.random.default_rng(20240607)
    cases = []
    for scale in (0.5, 1, 2, 4):
        logits = [round(float(value), 3) for value in random.normal(0, scale, VOCABULARY)]
        seen = sorted(set(int(token) for token in random.integers(0, VOCABULARY, 10)))
        penalized = RepetitionPenaltyLogitsProcessor(1.3)(
            torch.tensor([seen]), torch.tensor([logits], dtype=torch.float32)
        )
        filters = []
        for value in (1, 5, 20):
            filters.append({"options": {"topK": value}, "kept": kept(TopKLogitsWarper(value), logits)})
        for value in (0.1, 0.5, 0.9, 0.99):
            filters.append({"options": {"topP": value}, "kept": kept(TopPLogitsWarper(value), logits)})
        for value in (0.02, 0.1, 0.5):
            filters.append({"options": {"minP": value}, "kept": kept(MinPLogitsWarper(value), logits)})
        for value in (0.2, 0.5, 0.9, 0.95):
            filters.append({"options": {"typicalP": value}, "kept": kept(TypicalLogitsWarper(value), logits)})
        cases.append(
            {
                "logits": logits,
                "filters": filters,
                "repetition": {
                    "seen": seen,
                    "penalty": 1.3,
                    "logits": [round(float(value), 5) for value in penalized[0]],
                },
            }
        )
    OUTPUT.write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
