"""PyTorch as an engine of the training benchmark: the same model, batches and AdamW step on the CPU in float32.

Needs: torch 2.15, safetensors 0.8. Arguments: workload folder, threads, configuration. Reads lines of JSON and
answers each with one, see protocol.ts. Configurations:

- eager: PyTorch as it is, with its fused attention (scaled_dot_product_attention, causal).
- eager-softmax: the same with attention written out as two products and a softmax.
- compiled: torch.compile of model and loss, once for each shape of batch.
"""

import json
import math
import sys
import time
import traceback
from pathlib import Path


def reply(line):
    sys.__stdout__.write(json.dumps(line) + "\n")
    sys.__stdout__.flush()


# What libraries print must not mix with the answers.
sys.stdout = sys.stderr

try:
    import torch
    import torch.nn.functional as F
    from safetensors.torch import load_file
except ImportError as error:
    reply({"error": f"{sys.executable} lacks a package: {error}"})
    sys.exit(0)


def rotary(x, cos, sin):
    """x [batch, heads, rows, headDim]; element i of a head pairs with i + headDim / 2."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def attention_fused(q, k, v, _bias):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def attention_softmax(q, k, v, bias):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + bias
    return scores.softmax(-1) @ v


class Model:
    """A Llama without biases, with tied embeddings and as many key-value heads as heads."""

    def __init__(self, config, weights, attention):
        assert config["tie_word_embeddings"] and config["num_key_value_heads"] == config["num_attention_heads"]
        self.config, self.weights, self.attention = config, weights, attention
        self.heads = config["num_attention_heads"]
        self.head_dim = config["hidden_size"] // self.heads

    def tables(self, rows):
        exponents = torch.arange(0, self.head_dim, 2) / self.head_dim
        angles = torch.arange(rows)[:, None] / self.config["rope_theta"] ** exponents
        return angles.cos(), angles.sin()

    def norm(self, x, name):
        return F.rms_norm(x, (x.shape[-1],), self.weights[name], self.config["rms_norm_eps"])

    def loss(self, ids, targets, weights, cos, sin, bias):
        w = self.weights
        batch, rows = ids.shape
        split = lambda x: x.view(batch, rows, self.heads, self.head_dim).transpose(1, 2)
        x = F.embedding(ids, w["model.embed_tokens.weight"])
        for layer in range(self.config["num_hidden_layers"]):
            name = f"model.layers.{layer}."
            normed = self.norm(x, name + "input_layernorm.weight")
            q, k, v = (split(F.linear(normed, w[f"{name}self_attn.{part}_proj.weight"])) for part in "qkv")
            mixed = self.attention(rotary(q, cos, sin), rotary(k, cos, sin), v, bias)
            joined = mixed.transpose(1, 2).reshape(batch, rows, -1)
            x = x + F.linear(joined, w[name + "self_attn.o_proj.weight"])
            normed = self.norm(x, name + "post_attention_layernorm.weight")
            gate = F.silu(F.linear(normed, w[name + "mlp.gate_proj.weight"]))
            up = F.linear(normed, w[name + "mlp.up_proj.weight"])
            x = x + F.linear(gate * up, w[name + "mlp.down_proj.weight"])
        logits = F.linear(self.norm(x, "model.norm.weight"), w["model.embed_tokens.weight"])
        terms = F.cross_entropy(logits.view(batch * rows, -1), targets, reduction="none")
        return (terms * weights).sum()


class Trained:
    """Weights, and an optimizer of their own when the work has one."""

    def __init__(self, folder, configuration, work):
        config = json.loads((folder / "config.json").read_text())
        weights = {
            name: value.float().requires_grad_() for name, value in load_file(folder / "model.safetensors").items()
        }
        model = Model(config, weights, attention_softmax if configuration == "eager-softmax" else attention_fused)
        self.parameters = list(weights.values())
        self.tables = model.tables
        self.loss = torch.compile(model.loss, dynamic=False) if configuration == "compiled" else model.loss
        self.optimizer = None
        if work == "adamw":
            settings = json.loads(sys.argv[4])
            groups = [
                dict(params=[p for p in self.parameters if p.dim() > 1], weight_decay=settings["weightDecay"]),
                dict(params=[p for p in self.parameters if p.dim() == 1], weight_decay=0.0),
            ]
            betas = (settings["beta1"], settings["beta2"])
            self.clip = settings["clip"]
            self.optimizer = torch.optim.AdamW(
                groups, lr=settings["learningRate"], betas=betas, eps=settings["epsilon"], fused=True
            )

    def inputs(self, batch):
        shape = (batch["sequences"], batch["rows"])
        above = torch.ones(shape[1], shape[1]).triu(1).bool()
        bias = torch.zeros(shape[1], shape[1]).masked_fill(above, -1e9)
        ids, targets = (torch.tensor(batch[name]) for name in ("ids", "targets"))
        return ids.view(shape), targets, torch.tensor(batch["weights"]), *self.tables(shape[1]), bias

    def step(self, batches):
        for parameter in self.parameters:
            parameter.grad = None
        total = 0.0
        for batch in batches:
            loss = self.loss(*batch)
            loss.backward()
            total += loss.item()
        if self.optimizer:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
            self.optimizer.step()
        return total


def square_rate(clock, edge=2048, repeats=3):
    """Operations per second of a square product, the best of a few."""
    a, b = torch.full((edge, edge), 0.5), torch.full((edge, edge), 0.5)
    times = []
    for _ in range(repeats):
        started = clock()
        torch.mm(a, b)
        times.append(clock() - started)
    return 2 * edge**3 / min(times)


def main():
    folder, threads, configuration = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(threads)
    trained = {work: Trained(folder, configuration, work) for work in ("gradients", "adamw")}
    plain = json.loads((folder / "batches.json").read_text())
    batches = {name: [trained["gradients"].inputs(batch) for batch in list_] for name, list_ in plain.items()}
    reply({"versions": {"torch": torch.__version__}})
    for line in sys.stdin:
        question = json.loads(line)
        try:
            clock = time.process_time if question["clock"] == "cpu" else time.perf_counter
            if question["kind"] == "products":
                reply({"square": square_rate(clock), "products": []})
                continue
            started = clock()
            loss = trained[question["work"]].step(batches[question["batches"]])
            reply({"ms": 1000 * (clock() - started), "loss": loss})
        except Exception:
            reply({"error": traceback.format_exc()})


main()
