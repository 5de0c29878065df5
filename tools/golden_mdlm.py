"""Makes the golden files of masked diffusion models with architectures of their own: LLaDA, LLaDA-MoE and Dream.

Packages: numpy 2.4, gguf 0.19, safetensors 0.8, torch 2.15, transformers 4.57 (what the modelling code was written for).
Run from the repository root: python tools/golden_mdlm.py <folder>
The folder holds dllm/pipelines/{llada,dream}/models of the public repository ZHZisZZ/dllm, which keeps the modelling
files that the models' authors publish beside their weights. Nothing of it is copied here.

Writes into test/golden/models: a tiny random checkpoint for each model, under the config.json keys and tensor names of
the published ones, the same as GGUF as llama.cpp's converter makes it, and what the modelling code computes in float32.
Everything is seeded; the weights are exact in bfloat16, so both files hold the same numbers.
"""

import importlib
import json
import math
import re
import shutil
import sys
import types
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

SOURCE = Path(sys.argv[1]) / "dllm/pipelines"
OUT = Path("test/golden/models")
TOKENS = 40
POSITIONS = [0, 1, 17, 39]
PROMPT = 8
CANVAS = 12
VOCABULARY = 96
MASK, EOS = 93, 90
# Two candidates closer than this could change places by rounding: tokens by logit, experts by probability.
LEAST_GAP = 0.01
LEAST_ROUTER_GAP = 1e-3

torch.set_num_threads(1)

LLADA = dict(
    architectures=["LLaDAModelLM"], model_type="llada", block_type="llama", activation_type="silu",
    layer_norm_type="rms", layer_norm_with_affine=True, rms_norm_eps=1e-5, rope=True, rope_theta=500000.0,
    rope_full_precision=True, alibi=False, attention_layer_norm=False, attention_dropout=0.0, embedding_dropout=0.0,
    residual_dropout=0.0, bias_for_layer_norm=False, include_bias=False, include_qkv_bias=False, input_emb_norm=False,
    scale_logits=False, flash_attention=False, block_group_size=1, multi_query_attention=None, mlp_ratio=4,
    mlp_hidden_size=64, d_model=32, n_layers=2, n_heads=4, n_kv_heads=2, max_sequence_length=128,
    # The table is wider than the vocabulary, as the configuration class allows.
    vocab_size=VOCABULARY - 1, embedding_size=VOCABULARY, weight_tying=False, init_device="cpu", init_fn="mitchell",
    init_std=0.02, precision="amp_bf16", use_cache=False, mask_token_id=MASK, eos_token_id=EOS, pad_token_id=EOS,
)
LLADA_MOE = dict(
    # The published models call themselves "llada" too and do not name their mask, 156895.
    architectures=["LLaDAMoEModelLM"], model_type="llada", hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, hidden_act="silu", attention_bias=False, attention_dropout=0.0, clip_qkv=None,
    qk_layernorm=True, dense_intermediate_size=64, expert_intermediate_size=16, shared_expert_intermediate_size=None,
    num_experts=6, num_experts_per_tok=2, norm_topk_prob=None, moe_layer_freq=[1, 1], moe_router_score_function="softmax",
    moe_router_enable_expert_bias=False, routed_scaling_factor=1, router_aux_loss_coef=0.01, partial_rotary_factor=1,
    max_position_embeddings=128, rms_norm_eps=1e-5, rope_theta=50000, rope_scaling=None, tie_word_embeddings=False,
    vocab_size=VOCABULARY, use_cache=False, initializer_range=0.02, mask_token_id=MASK, eos_token_id=EOS,
    pad_token_id=EOS,
)
DREAM = dict(
    architectures=["DreamModel"], model_type="Dream", hidden_size=32, intermediate_size=64, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, hidden_act="silu", attention_dropout=0.0,
    max_position_embeddings=128, max_window_layers=28, rms_norm_eps=1e-6, rope_theta=1000000.0, rope_scaling=None,
    sliding_window=None, use_sliding_window=False, tie_word_embeddings=False, vocab_size=VOCABULARY, use_cache=False,
    initializer_range=0.02, mask_token_id=MASK, pad_token_id=EOS,
)


def module(package, name):
    """A module of the modelling code, without the packages above it, which import all of dllm."""
    parent = f"reference_{package}"
    if parent not in sys.modules:
        sys.modules[parent] = types.ModuleType(parent)
        sys.modules[parent].__path__ = [str(SOURCE / package / "models")]
    return importlib.import_module(f"{parent}.{name}")


def build_llada(config):
    code = module("llada", "modeling_llada")
    hf = module("llada", "configuration_llada").LLaDAConfig(**config)
    # By itself the class would put the weights on a GPU.
    return code.LLaDAModelLM(hf, model=code.LLaDAModel(code.create_model_config_from_pretrained_config(hf)))


def build_llada_moe(config):
    hf = module("llada", "configuration_lladamoe").LLaDAMoEConfig(**config)
    hf._attn_implementation = "eager"
    return module("llada", "modeling_lladamoe").LLaDAMoEModelLM(hf)


def build_dream(config):
    hf = module("dream", "configuration_dream").DreamConfig(**config)
    hf._attn_implementation = "sdpa"
    return module("dream", "modeling_dream").DreamModel(hf)


CASES = {
    "llada": (build_llada, LLADA, False),
    "llada-moe": (build_llada_moe, LLADA_MOE, False),
    "dream": (build_dream, DREAM, True),
}


def randomize(model, generator):
    """Weights that make peaked distributions and uneven attention, exact in bfloat16."""
    for name, weight in model.named_parameters():
        values = torch.randn(weight.shape, generator=generator)
        if weight.dim() == 1:
            values = 0.5 * values if name.endswith("bias") else 1 + 0.25 * values
        elif weight.shape[0] == VOCABULARY:
            values = 0.7 * values
        else:
            values = 1.4 / math.sqrt(weight.shape[1]) * values
        weight.data = values.bfloat16().float()


class RouterGaps:
    """The least difference of probability between the last expert chosen and the first one left, over all forwards."""

    def __init__(self, model, chosen):
        self.least = math.inf
        for name, part in model.named_modules():
            if name.endswith("mlp.gate"):
                part.register_forward_hook(lambda _module, _inputs, output: self.see(output.softmax(-1), chosen))

    def see(self, probabilities, chosen):
        top = probabilities.topk(chosen + 1).values
        self.least = min(self.least, (top[..., -2] - top[..., -1]).min().item())


def numbers(tensor):
    """Nested lists of floats with 7 significant digits."""
    if tensor.dim() > 0:
        return [numbers(part) for part in tensor]
    return float(f"{tensor.item():.7g}")


@torch.no_grad()
def golden(model, generator, shifted):
    run = lambda ids: model(input_ids=ids[None], use_cache=False, return_dict=True).logits[0]
    ids = torch.randint(3, EOS, (TOKENS,), generator=generator)
    masked = torch.rand(TOKENS, generator=generator) < 0.3
    ids[masked] = MASK
    logits = run(ids)
    # Every row sees every other: another last token changes the first row.
    other = ids.clone()
    other[-1] = (ids[-1] + 1) % EOS
    assert (run(other)[0] - logits[0]).abs().max() > 1e-3

    prompt = torch.randint(3, EOS, (PROMPT,), generator=generator)
    canvas = run(torch.cat([prompt, torch.full((CANVAS,), MASK)]))
    if shifted:
        canvas = torch.cat([canvas[:1], canvas[:-1]])
    answer = canvas[PROMPT:]
    answer[:, MASK] = -1e9
    best = answer.topk(2).values
    case = {
        "mask": MASK,
        "ids": ids.tolist(),
        "logits": {"positions": POSITIONS, "values": numbers(logits[POSITIONS])},
        # The likeliest token of each position of a canvas of masks behind the prompt.
        "canvas": {"prompt": prompt.tolist(), "tokens": answer.argmax(-1).tolist()},
    }
    return (best[:, 0] - best[:, 1]).min().item(), case


OUTER = {
    "wte": "token_embd", "ln_f": "output_norm", "ff_out": "output",
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
}
INNER = {
    "attn_norm": "attn_norm", "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "attn_out": "attn_output",
    "ff_norm": "ffn_norm", "ff_proj": "ffn_gate", "up_proj": "ffn_up", "ff_out": "ffn_down",
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.gate": "ffn_gate_inp",
    "mlp.experts.gate_proj": "ffn_gate_exps", "mlp.experts.up_proj": "ffn_up_exps",
    "mlp.experts.down_proj": "ffn_down_exps",
}


def gguf_name(name):
    part, kind = name.removeprefix("model.transformer.").rsplit(".", 1)
    layer = re.match(r"(?:blocks|model\.layers)\.(\d+)\.(.+)$", part)
    return f"blk.{layer[1]}.{INNER[layer[2]]}.{kind}" if layer else f"{OUTER[part]}.{kind}"


def interleave(weight, heads):
    """llama.cpp's order of query and key rows: the two rotary halves of a head alternate."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def stacked(tensors):
    """The experts of a layer as one tensor [experts, out, in]."""
    result = {}
    for name, weight in tensors.items():
        parts = re.match(r"(.+\.mlp\.experts)\.\d+\.(.+)$", name)
        result.setdefault(f"{parts[1]}.{parts[2]}" if parts else name, []).append(weight)
    return {name: np.stack(parts) if ".experts." in name else parts[0] for name, parts in result.items()}


def write_gguf(name, tensors, config):
    size = lambda *keys: next(config[key] for key in keys if key in config)
    heads = {"q_proj": size("n_heads", "num_attention_heads"), "k_proj": size("n_kv_heads", "num_key_value_heads")}
    writer = gguf.GGUFWriter(OUT / f"{name}.gguf", name)
    writer.add_context_length(size("max_sequence_length", "max_position_embeddings"))
    writer.add_embedding_length(size("d_model", "hidden_size"))
    writer.add_block_count(size("n_layers", "num_hidden_layers"))
    writer.add_head_count(heads["q_proj"])
    writer.add_head_count_kv(heads["k_proj"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(VOCABULARY)
    writer.add_causal_attention(False)
    writer.add_mask_token_id(MASK)
    if name == "llada-moe":
        writer.add_expert_count(config["num_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
        writer.add_expert_feed_forward_length(config["expert_intermediate_size"])
    else:
        writer.add_feed_forward_length(size("mlp_hidden_size", "intermediate_size"))
    # The converter of Dream leaves the entry out.
    if name != "dream":
        writer.add_diffusion_shift_logits(False)
    for tensor, weight in stacked({key: value.numpy() for key, value in tensors.items()}).items():
        count = next((heads[part] for part in heads if part in tensor), 0) if name == "llada" else 0
        values = interleave(weight, count) if count else weight
        kind = gguf.GGMLQuantizationType.F32 if weight.ndim == 1 else gguf.GGMLQuantizationType.BF16
        writer.add_tensor(gguf_name(tensor), gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_case(name):
    build, config, shifted = CASES[name]
    seed = 100 * list(CASES).index(name) + 1
    while True:
        generator = torch.Generator().manual_seed(seed)
        model = build(config).float().eval()
        randomize(model, generator)
        routers = RouterGaps(model, config.get("num_experts_per_tok", 1))
        gap, case = golden(model, generator, shifted)
        if gap > LEAST_GAP and routers.least > LEAST_ROUTER_GAP and len(set(case["canvas"]["tokens"])) > 3:
            break
        seed += 1
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tensors = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file({key: value.bfloat16() for key, value in tensors.items()}, folder / "model.safetensors", {"format": "pt"})
    # Short lists on one line, as the repository's formatter has them.
    text = re.sub(r"\[[^\]]+\]", lambda part: re.sub(r"\s+", " ", part[0]).replace("[ ", "[").replace(" ]", "]"),
                  json.dumps(config, indent=2))
    (folder / "config.json").write_text(text + "\n")
    (folder / "pytorch.golden.json").write_text(json.dumps(case) + "\n")
    write_gguf(name, tensors, config)
    print(f"{name}: seed {seed}, gap {gap:.3f}, router gap {routers.least:.4f}, tokens {case['canvas']['tokens']}")


for name in CASES:
    write_case(name)
