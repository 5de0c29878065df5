"""Golden trajectories with a block cache for src/decode/masked-diffusion from numpy.

Needs: numpy.
Run from the repository root: python tools/golden_block_cache.py
Writes src/decode/masked-diffusion/block-cache.golden.json: what LLaDA's sampler commits, step by step, with the prefix
and the dual cache of Fast-dLLM (arXiv:2505.22618), on tiny random checkpoints of test/golden/models. The model is
written out here in double precision, with keys and values of the whole canvas as arrays that a step overwrites in
place. Without a cache it must give the trajectories that PyTorch gave (diffusion.golden.json). Prompts whose choices
hang on rounding are skipped.
"""

import json
from pathlib import Path

import numpy as np

MODELS = Path("test/golden/models")
GOLDEN = Path("src/decode/masked-diffusion")
MASK = 3
PROMPT = 11
# Two candidates closer than this could change places by rounding.
LEAST_GAP = 2e-4

# Checkpoint, whether the logits are shifted, then options of the method.
CASES = [
    (name, shift, dict(blockLength=block, steps=steps, genLength=24, cache=cache))
    for name in ("llama", "qwen3")
    for cache in ("prefix", "dual")
    for shift, block, steps in ((False, 8, 12), (False, 24, 12), (True, 6, 12))
] + [("llama", False, dict(blockLength=8, steps=12, genLength=24, cfgScale=1.5, cache=cache)) for cache in ("prefix", "dual")]


class Close(Exception):
    """Two candidates are too close to call."""


def tensors_of(path):
    """All tensors of a safetensors file of bfloat16, in double precision."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "BF16"
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        bits = np.frombuffer(data[start:end], "<u2").astype(np.uint32) << 16
        tensors[name] = bits.view(np.float32).reshape(entry["shape"]).astype(np.float64)
    return tensors


def softmax(x):
    shifted = np.exp(x - x.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


class Model:
    def __init__(self, name):
        self.config = json.loads((MODELS / name / "config.json").read_text())
        self.tensors = tensors_of(MODELS / name / "model.safetensors")

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.config["rms_norm_eps"]) * self.tensors[name]

    def turn(self, x, positions):
        """Rotary embedding of [heads, rows, headDim], halves apart."""
        half = x.shape[-1] // 2
        base = self.config["rope_parameters"]["rope_theta"]
        angles = positions[:, None] * base ** (-np.arange(half) / half)
        cos, sin = np.cos(angles), np.sin(angles)
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    def forward(self, x, start, end, cache):
        """Logits of the rows [start, end) of x; their keys and values overwrite those in `cache`, by layer."""
        config, t = self.config, self.tensors
        heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
        positions = np.arange(start, end)
        split = lambda y, count: y.reshape(len(positions), count, -1).transpose(1, 0, 2)
        h = t["model.embed_tokens.weight"][x[start:end]]
        for layer in range(config["num_hidden_layers"]):
            at = f"model.layers.{layer}."
            linear = lambda y, name: y @ t[at + name + ".weight"].T
            normed = self.norm(h, at + "input_layernorm.weight")
            q = split(linear(normed, "self_attn.q_proj"), heads)
            k = split(linear(normed, "self_attn.k_proj"), kv)
            v = split(linear(normed, "self_attn.v_proj"), kv)
            if at + "self_attn.q_norm.weight" in t:
                q = self.norm(q, at + "self_attn.q_norm.weight")
                k = self.norm(k, at + "self_attn.k_norm.weight")
            if layer not in cache:
                cache[layer] = tuple(np.full((kv, len(x), k.shape[-1]), np.nan) for _ in range(2))
            keys, values = cache[layer]
            keys[:, start:end], values[:, start:end] = self.turn(k, positions), v
            every = lambda y: np.repeat(y, heads // kv, 0)
            weights = softmax(self.turn(q, positions) @ every(keys).transpose(0, 2, 1) / np.sqrt(k.shape[-1]))
            mixed = (weights @ every(values)).transpose(1, 0, 2).reshape(len(positions), -1)
            h = h + linear(mixed, "self_attn.o_proj")
            normed = self.norm(h, at + "post_attention_layernorm.weight")
            gate = linear(normed, "mlp.gate_proj")
            h = h + linear(gate / (1 + np.exp(-gate)) * linear(normed, "mlp.up_proj"), "mlp.down_proj")
        head = "lm_head.weight" if "lm_head.weight" in t else "model.embed_tokens.weight"
        logits = self.norm(h, "model.norm.weight") @ t[head].T
        logits[:, MASK] = -1e9
        return logits


def sample(model, prompt, shift, genLength, blockLength, steps=None, cfgScale=0.0, cache="none"):
    """Per step: [position in the answer, token, its own probability] in commit order."""
    length = blockLength or genLength
    blocks = genLength // length
    per_block = (steps or genLength) // blocks
    x = np.array(list(prompt) + [MASK] * genLength)
    done = np.array([True] * len(prompt) + [False] * genLength)
    trajectory = []
    for block in range(blocks):
        first = len(prompt) + block * length
        last = first + length
        base, remainder = divmod(length, per_block)
        for step in range(per_block):
            # One row more at the front with a shift: it speaks for the first of the block.
            start, end = 0, len(x)
            if step > 0 and cache != "none":
                start, end = first - shift, last if cache == "dual" else len(x)
            else:
                kept = [{}, {}]
            block_rows = slice(first - shift - start, last - shift - start)
            raw = model.forward(x, start, end, kept[0])[block_rows]
            logits = raw
            if cfgScale > 0:
                unconditional = x.copy()
                unconditional[: len(prompt)] = MASK
                other = model.forward(unconditional, start, end, kept[1])[block_rows]
                logits = other + (cfgScale + 1) * (raw - other)
            open_ = ~done[first:last]
            p = softmax(raw)
            x0 = logits.argmax(-1)
            confidence = np.where(open_, softmax(logits).max(-1), -np.inf)
            ranked = np.argsort(-confidence, kind="stable")
            count = base + (step < remainder)
            # What is committed must win clearly, and so must the order among the committed.
            best = np.sort(logits[open_], -1)
            if (best[:, -1] - best[:, -2]).min() < LEAST_GAP:
                raise Close
            ordered = confidence[ranked]
            if count < len(ordered) and (ordered[:count] - ordered[1 : count + 1]).min() < LEAST_GAP:
                raise Close
            chosen = ranked[:count]
            trajectory.append(
                [[int(i) + first - len(prompt), int(x0[i]), round(float(p[i, x0[i]]), 6)] for i in chosen]
            )
            x[first + chosen] = x0[chosen]
            done[first + chosen] = True
    return trajectory


def check_model(models):
    """Without a cache the model written out here does what PyTorch does."""
    sample_options = ("genLength", "blockLength", "steps", "cfgScale")
    golden = json.loads((GOLDEN / "diffusion.golden.json").read_text())
    plain = [case for case in golden["cases"] if set(case["options"]) <= set(sample_options)]
    assert {case["model"] for case in plain} == {name for name, _, _ in CASES}
    for case in plain:
        steps = sample(models[case["model"]], case["prompt"], False, **case["options"])
        flat = [token for step in steps for token in step]
        expected = [token[:3] for step in case["steps"] for token in step]
        assert [token[:2] for token in flat] == [token[:2] for token in expected]
        assert np.abs(np.array(flat)[:, 2] - np.array(expected)[:, 2]).max() < 1e-5


def main():
    models = {name: Model(name) for name, _, _ in CASES}
    check_model(models)
    cases = []
    for name, shift, options in CASES:
        model = models[name]
        for seed in range(500):
            prompt = np.random.default_rng(seed).integers(4, model.config["vocab_size"], PROMPT).tolist()
            try:
                steps = sample(model, prompt, shift, **options)
                exact = sample(model, prompt, shift, **{**options, "cache": "none"})
            except Close:
                continue
            # A cache that did nothing would not show.
            if [[token[:2] for token in step] for step in steps] != [[token[:2] for token in step] for step in exact]:
                break
        else:
            raise SystemExit(f"no seed of {name} {options} is clear of rounding and changed by the cache")
        print(name, "shift" if shift else "", options, "seed", seed)
        cases.append({"model": name, "shift": shift, "prompt": prompt, "options": options, "steps": steps})
    text = json.dumps({"mask": MASK, "cases": cases}, separators=(",", ":"))
    (GOLDEN / "block-cache.golden.json").write_text(text + "\n")


main()
