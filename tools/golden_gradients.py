"""Golden numbers for training from PyTorch: run it from the repository root to write test/golden/train.

Packages: torch 2.15, transformers 5.23. The checkpoints are those of tools/golden_models.py.

- gradients.golden.json: loss and gradients of whole models, digested to the norm and a few entries of each weight's
  gradient; weighted cross entropy of a batch, causal and with all rows seeing each other, in float32.
- losses.golden.json: each loss on a few rows of logits, in float64.
- adamw.golden.json: five steps of torch.optim.AdamW on a small regression, in float64.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM

MODELS = Path("test/golden/models")
OUT = Path("test/golden/train")
# Grouped queries and tied embeddings; a head of its own; q/k/v biases; q/k norms.
CASES = ["llama", "llama-wide-heads", "qwen2", "qwen3"]
BATCH, ROWS = 3, 12
SAMPLES = 16

torch.set_num_threads(1)


def numbers(tensor, digits=8):
    """Nested lists of floats with so many significant digits."""
    if tensor.dim() > 0:
        return [numbers(part, digits) for part in tensor]
    return float(f"{tensor.item():.{digits}g}")


def digest(gradient, generator):
    """The norm, and the values at the largest entry and at random ones."""
    flat = gradient.flatten()
    random = torch.randperm(len(flat), generator=generator)[: SAMPLES - 1].tolist()
    indices = sorted({flat.abs().argmax().item(), *random})
    return {
        "norm": numbers(flat.double().norm()),
        "indices": indices,
        "values": numbers(flat[indices]),
    }


def model_gradients(name, generator):
    model = AutoModelForCausalLM.from_pretrained(MODELS / name, dtype=torch.float32, attn_implementation="eager").eval()
    shape = (BATCH, ROWS)
    ids = torch.randint(3, model.config.vocab_size, shape, generator=generator)
    targets = torch.randint(3, model.config.vocab_size, shape, generator=generator)
    # Every third row counts for nothing, as prompts do.
    weights = torch.rand(shape, generator=generator) * (torch.arange(ROWS) % 3 != 0)
    weights = (weights / weights.sum()).float()
    case = {"batch": BATCH, "rows": ROWS, "ids": ids.flatten().tolist(), "targets": targets.flatten().tolist()}
    case["weights"] = numbers(weights.flatten(), 9)
    above = torch.ones(ROWS, ROWS).triu(1).bool()
    for attention, hidden in [("causal", above), ("bidirectional", torch.zeros_like(above))]:
        model.zero_grad()
        bias = torch.zeros(ROWS, ROWS).masked_fill(hidden, -1e9)[None, None]
        logits = model(ids, attention_mask=bias, use_cache=False).logits
        terms = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        loss = (terms * weights.flatten()).sum()
        loss.backward()
        case[attention] = {
            "loss": numbers(loss),
            "gradients": {key: digest(weight.grad, generator) for key, weight in model.named_parameters()},
        }
    return case


def kl(p, q):
    return F.kl_div(q.log_softmax(-1), p.log_softmax(-1), reduction="none", log_target=True).sum(-1)


def clipped_surrogate(logits, tokens, old, advantages, epsilon=0.2):
    chosen = logits.log_softmax(-1).gather(-1, tokens[:, None])[:, 0]
    ratio = (chosen - old).exp()
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - epsilon, 1 + epsilon) * advantages)


def loss_cases(generator):
    rows, vocab = 6, 11
    logits = (2 * torch.randn(rows, vocab, generator=generator)).double().requires_grad_()
    other = (2 * torch.randn(rows, vocab, generator=generator)).double()
    tokens = torch.randint(0, vocab, (rows,), generator=generator)
    weights = torch.rand(rows, generator=generator).double()
    # Ratios on both sides of the clipping bounds 0.8 and 1.2; the advantages' signs make two rows of them flat.
    advantages = torch.tensor([-1.2, 0.7, 0.9, -0.4, 1.5, -0.8]).double()
    shifts = torch.tensor([-0.5, -0.1, 0.0, 0.1, 0.5, 0.9]).double()
    old = logits.detach().log_softmax(-1).gather(-1, tokens[:, None])[:, 0] - shifts
    terms = {
        "crossEntropy": F.cross_entropy(logits, tokens, reduction="none"),
        "forwardKl": kl(other, logits),
        "reverseKl": kl(logits, other),
        "totalVariation": 0.5 * (logits.softmax(-1) - other.softmax(-1)).abs().sum(-1),
        "entropy": torch.distributions.Categorical(logits=logits).entropy(),
        "squaredError": F.mse_loss(logits, other, reduction="none").mean(-1),
        "policyGradient": clipped_surrogate(logits, tokens, old, advantages),
    }
    losses = {}
    for name, rows_of in terms.items():
        loss = (rows_of * weights).sum()
        (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
        losses[name] = {"terms": numbers(rows_of, 10), "loss": numbers(loss, 10), "gradient": numbers(gradient.flatten(), 10)}
    return {
        "rows": rows,
        "vocab": vocab,
        "logits": numbers(logits.flatten(), 10),
        "other": numbers(other.flatten(), 10),
        "tokens": tokens.tolist(),
        "weights": numbers(weights, 10),
        "advantages": numbers(advantages, 10),
        "oldLogProbabilities": numbers(old, 10),
        "losses": losses,
    }


def adamw_steps(generator):
    """Recorded gradients, and the parameters after each step; the matrix is decayed, the vector is not."""
    options = {"beta1": 0.9, "beta2": 0.98, "epsilon": 1e-8, "weightDecay": 0.1}
    rates = [0.01, 0.02, 0.02, 0.015, 0.005]
    x, y = torch.randn(20, 4, generator=generator).double(), torch.randn(20, 3, generator=generator).double()
    matrix = torch.randn(3, 4, generator=generator).double().requires_grad_()
    vector = torch.randn(3, generator=generator).double().requires_grad_()
    start = {"matrix": numbers(matrix.flatten(), 10), "vector": numbers(vector, 10)}
    common = dict(lr=rates[0], betas=(options["beta1"], options["beta2"]), eps=options["epsilon"])
    groups = [dict(params=[matrix], weight_decay=options["weightDecay"]), dict(params=[vector], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, **common)
    steps = []
    for rate in rates:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        ((x @ matrix.T + vector - y) ** 2).mean().backward()
        gradients = {"matrix": numbers(matrix.grad.flatten(), 10), "vector": numbers(vector.grad, 10)}
        optimizer.step()
        after = {"matrix": numbers(matrix.flatten(), 10), "vector": numbers(vector, 10)}
        steps.append({"learningRate": rate, "gradients": gradients, "parameters": after})
    return {"options": options, "shapes": {"matrix": [3, 4], "vector": [3]}, "start": start, "steps": steps}


def write(name, data):
    path = OUT / f"{name}.golden.json"
    path.write_text(json.dumps(data) + "\n")
    print(path, path.stat().st_size)


OUT.mkdir(parents=True, exist_ok=True)
generator = torch.Generator().manual_seed(11)
write("gradients", {name: model_gradients(name, generator) for name in CASES})
write("losses", loss_cases(generator))
write("adamw", adamw_steps(generator))
