"""Makes the golden files of src/models: run it from the repository root to write test/golden/models.

Packages: numpy 2.4, gguf 0.19, safetensors 0.8, torch 2.15, transformers 5.23.

One tiny random checkpoint for each architecture and feature, with what PyTorch computes for it in float32: logits,
hidden states, attention probabilities, a greedy continuation and a bidirectional run. Everything is seeded; running
it again gives the same weights, and the same numbers up to the last bits of PyTorch's kernels.
"""

import json
import math
import shutil
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf.quants import dequantize, quantize
from safetensors.torch import save_file
from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config
from transformers import AutoModelForCausalLM

OUT = Path("test/golden/models")
TOKENS = 96
GREEDY = 24
PROMPT = 32
POSITIONS = [0, 1, 15, 47, 95]
PROBED = 50
WINDOW = 16
# Two candidates closer than this could change places by rounding, and the greedy ids with them.
LEAST_GAP = 0.01

torch.set_num_threads(1)

SMALL = dict(
    vocab_size=160, hidden_size=64, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=0.001, bos_token_id=1, eos_token_id=2,
)


def default_rope(theta):
    return dict(rope_parameters=dict(rope_type="default", rope_theta=theta))


LLAMA3 = dict(
    rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=32,
)

CASES = {
    # Four query heads for two key-value heads; embeddings are also the head.
    "llama": LlamaConfig(**{**SMALL, "intermediate_size": 64}, tie_word_embeddings=True, **default_rope(10000.0)),
    # Heads wider than hidden / heads, a head of its own, one key-value head for all.
    "llama-wide-heads": LlamaConfig(
        **{**SMALL, "num_attention_heads": 4, "num_key_value_heads": 1}, head_dim=24, tie_word_embeddings=False,
        **default_rope(100000.0),
    ),
    # Every query head has its own keys and values.
    "llama-multi-head": LlamaConfig(
        **{**SMALL, "num_key_value_heads": 4}, tie_word_embeddings=True, **default_rope(10000.0)
    ),
    "llama3-rope": LlamaConfig(**SMALL, tie_word_embeddings=True, rope_parameters=LLAMA3),
    "linear-rope": LlamaConfig(
        **SMALL, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0),
    ),
    "mistral": MistralConfig(
        **SMALL, head_dim=16, sliding_window=WINDOW, tie_word_embeddings=False, **default_rope(10000.0)
    ),
    "qwen2": Qwen2Config(
        **{**SMALL, "num_hidden_layers": 3}, tie_word_embeddings=True, use_sliding_window=False,
        **default_rope(1000000.0),
    ),
    "qwen3": Qwen3Config(**SMALL, head_dim=32, tie_word_embeddings=True, **default_rope(1000000.0)),
}

# Configurations written before transformers 5 keep the base and the scaling in two places.
OLD_STYLE = {"llama3-rope", "mistral"}

# Settings of transformers itself, and lists, whose line breaks the repository's formatter would change.
UNUSED_KEYS = [
    "architectures", "chunk_size_feed_forward", "id2label", "is_encoder_decoder", "label2id", "layer_types",
    "output_attentions", "output_hidden_states", "problem_type", "return_dict", "transformers_version", "_name_or_path",
]


def randomize(model, generator):
    """Weights that make peaked distributions and uneven attention, exact in bfloat16."""
    for name, weight in model.named_parameters():
        values = torch.randn(weight.shape, generator=generator)
        if name.endswith("norm.weight"):
            values = 1 + 0.25 * values
        elif name.endswith("bias"):
            values = 0.5 * values
        elif "embed_tokens" in name or "lm_head" in name:
            values = 0.5 * values
        else:
            values = 1.4 / math.sqrt(weight.shape[1]) * values
        weight.data = values.bfloat16().float()


def make(config, seed):
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(seed)
    randomize(model, generator)
    ids = torch.randint(3, config.vocab_size, (TOKENS,), generator=generator)
    return model, ids


def greedy(model, prompt, steps):
    """Greedy continuation with the whole text run again each step, and the smallest gap between the best two."""
    ids, gap = prompt, math.inf
    for _ in range(steps):
        best = model(ids[None], use_cache=False).logits[0, -1].topk(2)
        gap = min(gap, (best.values[0] - best.values[1]).item())
        ids = torch.cat([ids, best.indices[:1]])
    return ids[len(prompt):], gap


def numbers(tensor):
    """Nested lists of floats with 7 significant digits."""
    if tensor.dim() > 0:
        return [numbers(part) for part in tensor]
    return float(f"{tensor.item():.7g}")


def both_ways(config):
    """An additive mask under which a token sees all tokens, or all within the window."""
    index = torch.arange(TOKENS)
    distance = (index[:, None] - index[None]).abs()
    window = getattr(config, "sliding_window", None) or TOKENS
    return torch.where(distance < window, 0.0, -1e9)[None, None]


@torch.no_grad()
def golden(model, ids):
    layers = model.model.layers
    streams = [model.model.embed_tokens(ids)]
    hooks = [
        layer.register_forward_hook(
            lambda _module, _inputs, output: streams.append((output[0] if isinstance(output, tuple) else output).squeeze(0))
        )
        for layer in layers
    ]
    result = model(ids[None], use_cache=False, output_attentions=True)
    for hook in hooks:
        hook.remove()
    assert len(streams) == len(layers) + 1
    logits = result.logits[0]
    assert torch.equal(model.lm_head(model.model.norm(streams[-1]))[PROBED], logits[PROBED])
    bidirectional = model(ids[None], attention_mask=both_ways(model.config), use_cache=False).logits[0]
    assert (bidirectional[10] - logits[10]).abs().max() > 0.1
    continuation, gap = greedy(model, ids[:PROMPT], GREEDY)
    return gap, {
        "ids": ids.tolist(),
        "logits": {"positions": POSITIONS, "values": numbers(logits[POSITIONS])},
        # The residual stream before the first layer and after each one.
        "hidden": {"position": PROBED, "values": numbers(torch.stack([stream[PROBED] for stream in streams]))},
        # What the head makes of the residual stream after the first layer.
        "early": {"layers": 1, "position": PROBED, "values": numbers(model.lm_head(model.model.norm(streams[1][PROBED])))},
        # [heads, TOKENS] of the last row.
        "attention": {"layer": 1, "values": numbers(result.attentions[1][0, :, -1])},
        "greedy": {"prompt": PROMPT, "ids": continuation.tolist()},
        "bidirectional": {"positions": [10, 70], "values": numbers(bidirectional[[10, 70]])},
    }


def saved_config(name, config):
    saved = config.to_dict()
    for key in UNUSED_KEYS:
        saved.pop(key, None)
    if name in OLD_STYLE:
        rope = saved.pop("rope_parameters")
        saved["rope_theta"] = rope.pop("rope_theta")
        saved["rope_scaling"] = rope if rope["rope_type"] != "default" else None
    return saved


def write_checkpoint(name, config):
    seed = 100 * list(CASES).index(name) + 1
    while True:
        model, ids = make(config, seed)
        gap, case = golden(model, ids)
        if gap > LEAST_GAP and len(set(case["greedy"]["ids"])) > GREEDY // 3:
            break
        seed += 1
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tensors = {key: value.bfloat16().contiguous() for key, value in model.state_dict().items()}
    if config.tie_word_embeddings:
        tensors.pop("lm_head.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(saved_config(name, config), indent=2) + "\n")
    (folder / "pytorch.golden.json").write_text(json.dumps(case) + "\n")
    top = torch.tensor(case["logits"]["values"]).softmax(-1).max(-1).values
    print(f"{name}: seed {seed}, gap {gap:.3f}, top probabilities {numbers(top)}")
    return model, ids


def interleave(weight, heads):
    """llama.cpp's order of query and key rows: the two rotary halves of a head alternate."""
    shape = (heads, 2, weight.shape[0] // heads // 2, weight.shape[1])
    return weight.reshape(shape).swapaxes(1, 2).reshape(weight.shape)


GGUF_LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def gguf_name(name):
    outer = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in outer:
        return outer[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{GGUF_LAYER[rest.removesuffix('.weight')]}.weight"


@torch.no_grad()
def write_gguf(model, ids, kind):
    """The same model as GGUF; `model` then holds the weights as the file restores them."""
    config = model.config
    path = OUT / f"llama-{kind.name.lower()}.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    for name, weight in model.named_parameters():
        values = weight.numpy()
        stored = kind if values.ndim == 2 else gguf.GGMLQuantizationType.F32
        quantized = quantize(values, stored)
        weight.copy_(torch.from_numpy(np.ascontiguousarray(dequantize(quantized, stored))))
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        count = next((heads[part] for part in heads if part in name), 0)
        writer.add_tensor(gguf_name(name), interleave(quantized, count) if count else quantized, raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    logits = model(ids[None], use_cache=False).logits[0]
    case = {"ids": ids.tolist(), "logits": {"positions": [47, 95], "values": numbers(logits[[47, 95]])}}
    path.with_suffix(".golden.json").write_text(json.dumps(case) + "\n")


models = {name: write_checkpoint(name, config) for name, config in CASES.items()}
for kind in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.Q8_0):
    write_gguf(*models["llama"], kind)
