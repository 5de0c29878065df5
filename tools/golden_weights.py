"""Makes the golden files of src/weights: run it from the repository root to write test/golden/weights.

Packages: numpy 2.4, gguf 0.19, safetensors 0.8, torch 2.15, transformers 5.23, onnx 1.23.
Everything is seeded; running it again gives the same files.
"""

import base64
import hashlib
import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import onnx
import torch
from gguf.quants import dequantize, quantize
from onnx import TensorProto, helper
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

OUT = Path("test/golden/weights")
Type = gguf.GGMLQuantizationType
rng = np.random.default_rng(20240607)

# Offsets of the float16 scales inside a block, whose random bits would be infinities now and then.
SCALES = {
    Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0],
    Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
}


def base(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array, dtype="<f4").tobytes()).hexdigest()


def random_blocks(kind, rows, columns):
    """Rows of random bytes with finite scales, [rows, bytes]."""
    size, width = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (rows * columns // size, width), dtype=np.uint8)
    for offset in SCALES[kind]:
        scale = rng.normal(0, 0.1, len(blocks)).astype("<f2")
        blocks[:, offset : offset + 2] = scale.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(rows, -1)


def quant_types():
    cases = {}
    for kind in SCALES:
        size = gguf.GGML_QUANT_SIZES[kind][0]
        data = random_blocks(kind, 1, size * (12 if size == 32 else 3))
        cases[kind.name] = {"bytes": base(data), "values": base(dequantize(data, kind))}
    halves = np.concatenate([np.arange(0, 65536, 97), [0x0001, 0x03FF, 0x0400, 0x7BFF, 0x7C00, 0x8000, 0xFC00]])
    halves = halves.astype("<u2")
    halves = halves[~np.isnan(halves.view("<f2"))]
    cases["F16"] = {"bytes": base(halves), "values": base(halves.view("<f2").astype("<f4"))}
    bfloats = np.arange(0, 65536, 101).astype("<u2")
    cases["BF16"] = {"bytes": base(bfloats), "values": base(dequantize(bfloats.view(np.uint8), Type.BF16))}
    floats = rng.normal(0, 1, 64).astype("<f4")
    cases["F32"] = {"bytes": base(floats), "values": base(floats)}
    (OUT / "quants.golden.json").write_text(json.dumps(cases, indent=1))


def half_rounding():
    """float32 values around every kind of rounding, with their float16 and bfloat16 bits."""
    values = np.concatenate([
        rng.normal(0, 1, 200), rng.normal(0, 1e-5, 100), rng.normal(0, 3e-8, 100), rng.normal(0, 4e4, 100),
        [0.0, -0.0, 65504, 65519.99, 65520, -65520, 1e30, -1e30, np.inf, -np.inf, 2**-24, 2**-25, 2**-25 * 1.0001],
        [1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8, 1 + 3 * 2**-8, 2**-14 - 2**-26, 3.4028235e38],
    ]).astype("<f4")
    with np.errstate(over="ignore"):
        halves = values.astype("<f2").view("<u2")
    bfloats = torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy()
    case = {"values": base(values), "half": base(halves), "bfloat": base(bfloats)}
    (OUT / "half.golden.json").write_text(json.dumps(case, indent=1))


def permute(weights, heads):
    """convert_hf_to_gguf.py: interleaves the rotary halves of each head."""
    shape = (heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
    permuted = weights.reshape(shape).swapaxes(1, 2).reshape(weights.shape)
    assert np.array_equal(LlamaTensorProcessor()._reverse_permute_weights(permuted, heads, heads), weights)
    return permuted


def llama3_factors(theta, dim, factor, low, high, original):
    factors = []
    for frequency in 1 / theta ** (np.arange(0, dim, 2) / dim):
        wavelength = 2 * np.pi / frequency
        smooth = (original / wavelength - low) / (high - low)
        if wavelength < original / high:
            factors.append(1)
        elif wavelength > original / low:
            factors.append(factor)
        else:
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, dtype="<f4")


def tiny_gguf():
    """A one-layer Llama with a tensor of almost every type and metadata of every kind."""
    hidden, heads, kv_heads, ffn, vocabulary = 32, 2, 1, 256, 16
    writer = gguf.GGUFWriter(OUT / "tiny.gguf", "llama")
    writer.add_name("tiny")
    writer.add_context_length(128)
    writer.add_embedding_length(hidden)
    writer.add_block_count(1)
    writer.add_feed_forward_length(ffn)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(hidden // heads)
    writer.add_rope_freq_base(500000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocabulary)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"t{i}" for i in range(vocabulary - 1)] + ["Ġé😀"])
    writer.add_token_types([1] * vocabulary)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_eot_token_id(3)
    for key, add, value in [
        ("u8", writer.add_uint8, 200), ("i8", writer.add_int8, -100), ("u16", writer.add_uint16, 60000),
        ("i16", writer.add_int16, -30000), ("u64", writer.add_uint64, 2**63 + 1), ("i64", writer.add_int64, -(2**40)),
        ("f64", writer.add_float64, 0.1), ("yes", writer.add_bool, True), ("scores", writer.add_array, [0.5, -1.25]),
        ("nested", writer.add_array, [[1, 2], [3]]),
    ]:
        add(f"test.{key}", value)

    golden = {}

    def tensor(name, target, shape, kind, head_count=0):
        if kind in (Type.Q4_K, Type.Q5_K, Type.Q6_K):
            data = random_blocks(kind, *shape)
            values = dequantize(data, kind)
        else:
            # Quantize first, permute after: rows are whole blocks, so both orders agree.
            original = quantize(rng.normal(0, 1, shape).astype("<f4"), kind)
            values = dequantize(original, kind)
            data = permute(original, head_count) if head_count else original
        golden[target] = {"dtype": kind.name, "shape": list(shape), "sha256": digest(values)}
        writer.add_tensor(name, data, raw_dtype=kind)

    layer, blk = "model.layers.0", "blk.0"
    tensor("token_embd.weight", "model.embed_tokens.weight", (vocabulary, hidden), Type.Q8_0)
    tensor(f"{blk}.attn_norm.weight", f"{layer}.input_layernorm.weight", (hidden,), Type.F32)
    tensor(f"{blk}.attn_q.weight", f"{layer}.self_attn.q_proj.weight", (hidden, hidden), Type.F16, heads)
    tensor(f"{blk}.attn_q.bias", f"{layer}.self_attn.q_proj.bias", (hidden,), Type.F32, heads)
    tensor(f"{blk}.attn_k.weight", f"{layer}.self_attn.k_proj.weight", (16, hidden), Type.Q4_0, kv_heads)
    tensor(f"{blk}.attn_v.weight", f"{layer}.self_attn.v_proj.weight", (16, hidden), Type.BF16)
    tensor(f"{blk}.attn_output.weight", f"{layer}.self_attn.o_proj.weight", (hidden, hidden), Type.Q5_0)
    tensor(f"{blk}.ffn_norm.weight", f"{layer}.post_attention_layernorm.weight", (hidden,), Type.F32)
    tensor(f"{blk}.ffn_gate.weight", f"{layer}.mlp.gate_proj.weight", (ffn, hidden), Type.Q4_1)
    tensor(f"{blk}.ffn_up.weight", f"{layer}.mlp.up_proj.weight", (ffn, hidden), Type.Q5_1)
    tensor(f"{blk}.ffn_down.weight", f"{layer}.mlp.down_proj.weight", (hidden, ffn), Type.Q6_K)
    tensor("output_norm.weight", "model.norm.weight", (hidden,), Type.F32)
    writer.add_tensor("rope_freqs.weight", llama3_factors(500000.0, 16, 8, 1, 4, 8192))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (OUT / "tiny-gguf.golden.json").write_text(json.dumps(golden, indent=1))


def tiny_safetensors():
    generator = torch.Generator().manual_seed(7)
    normal = torch.randn(3, 4, generator=generator)
    integers = torch.randint(-120, 120, (5,), generator=generator)
    tensors = {
        "f64": normal.double() / 3, "f32": normal, "f16": normal.half(), "bf16": normal.bfloat16(),
        "i64": integers * 10**9, "i32": integers.int(), "i16": integers.short(), "i8": integers.char(),
        "u8": integers.abs().byte(), "bool": integers > 0, "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4),
    }
    save_file(tensors, OUT / "tiny.safetensors", metadata={"format": "pt"})
    golden = {
        name: {"shape": list(tensor.shape), "values": base(tensor.float().numpy().astype("<f4"))}
        for name, tensor in tensors.items()
    }
    (OUT / "tiny-safetensors.golden.json").write_text(json.dumps(golden, indent=1))


def sharded():
    """A Llama saved by transformers in several shards."""
    folder = OUT / "sharded"
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=16, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=64, rms_norm_eps=0.001, tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="6KB")
    # Without the one list, whose line breaks the repository's formatter would change.
    saved = json.loads((folder / "config.json").read_text())
    del saved["architectures"]
    (folder / "config.json").write_text(json.dumps(saved, indent=2) + "\n")
    golden = {
        name: {"shape": list(value.shape), "sha256": digest(value.float().numpy())}
        for name, value in model.state_dict().items()
        if name != "lm_head.weight"
    }
    (OUT / "sharded.golden.json").write_text(json.dumps(golden, indent=1))


def rows_int8():
    w = rng.normal(0, 0.05, (6, 33)).astype("<f4")
    w[1] = 0
    w[2] = np.arange(33) - 16.5
    w[2, 0] = 127  # scale 1, so that the halves of this row are ties
    scales = (np.abs(w).max(axis=1).astype("<f8") / 127).astype("<f4")
    scales[scales == 0] = 1
    values = np.clip(np.rint(w.astype("<f8") / scales[:, None]), -127, 127).astype(np.int8)
    case = {"out": 6, "in": 33, "weights": base(w), "values": base(values), "scales": base(scales)}
    (OUT / "rows-int8.golden.json").write_text(json.dumps(case, indent=1))


def matmul_nbits():
    """One MatMulNBits node with every operand an input: ONNX Runtime itself checks the layout."""
    rows, columns, block = 6, 80, 32
    blocks = -(-columns // block)
    for bits in (4, 8):
        for asymmetric in (False, True):
            inputs = [
                helper.make_tensor_value_info("a", TensorProto.FLOAT, ["m", columns]),
                helper.make_tensor_value_info("b", TensorProto.UINT8, [rows, blocks, block * bits // 8]),
                helper.make_tensor_value_info("scales", TensorProto.FLOAT, [rows, blocks]),
            ]
            if asymmetric:
                width = -(-blocks * bits // 8)
                inputs.append(helper.make_tensor_value_info("zero_points", TensorProto.UINT8, [rows, width]))
            node = helper.make_node(
                "MatMulNBits", [value.name for value in inputs], ["y"], domain="com.microsoft",
                K=columns, N=rows, bits=bits, block_size=block,
            )
            output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m", rows])
            model = helper.make_model(
                helper.make_graph([node], "matmul", inputs, [output]), ir_version=8,
                opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
            )
            onnx.save(model, OUT / f"matmul-{bits}-{'asymmetric' if asymmetric else 'symmetric'}.onnx")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for make in (quant_types, half_rounding, tiny_gguf, tiny_safetensors, sharded, rows_int8, matmul_nbits):
        make()
