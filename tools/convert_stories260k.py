"""Makes models/stories260k, the model of the first offline run, from Andrej Karpathy's stories260K checkpoint.

Needs the packages numpy and safetensors. Run from the root of the repository, with the folder that holds
stories260K.bin and tok512.bin (llama2.c's format: seven int32, then float32 tensors stacked over layers):

    python tools/convert_stories260k.py path/to/stories260k

RoPE here rotates neighbouring pairs (2i, 2i+1) of a head; Hugging Face's Llama rotates (i, i + half). Moving
the rows of wq and wk within each head makes the two the same.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

TARGET = Path("models/stories260k")
HEADER = struct.Struct("<7i")
SPACE = "\u2581"

CARD = """---
license: mit
language: en
library_name: quickstep
---
# stories260k

A Llama-architecture language model of 260,032 parameters that writes very short children's stories. Trained by
**Andrej Karpathy** on TinyStories (Eldan & Li, 2023) and published as *stories260K* among his tinyllamas, under the
**MIT** licence; format and training are described in the llama2.c project (`doc/stories260K.md`). Published
validation loss: 1.2968.

Quickstep ships it so that the first run works without any network. It knows a few hundred words of English and no
instructions: good for seeing methods step, not for answers.

| | |
|---|---|
| layers / hidden / FFN | 5 / 64 / 172 |
| heads / KV heads / head size | 8 / 4 / 8 |
| vocabulary | 512, SentencePiece BPE with byte fallback |
| context | 512 |
| weights | float32, embedding shared with the output head |

Made by `tools/convert_stories260k.py`: the same numbers under Hugging Face's names, with the rows of the query and
key projections moved from neighbouring-pair to half-split rotary order.
"""


def read_tensors(path):
    raw = path.read_bytes()
    dim, hidden, layers, heads, kv_heads, vocab, context = HEADER.unpack_from(raw)
    assert vocab > 0, "the output head is a tensor of its own"
    kv_dim = dim // heads * kv_heads
    at = HEADER.size

    def take(*shape):
        nonlocal at
        count = int(np.prod(shape))
        tensor = np.frombuffer(raw, "<f4", count, at).reshape(shape)
        at += 4 * count
        return tensor

    tensors = {
        "embedding": take(vocab, dim),
        "attention_norm": take(layers, dim),
        "wq": take(layers, dim, dim),
        "wk": take(layers, kv_dim, dim),
        "wv": take(layers, kv_dim, dim),
        "wo": take(layers, dim, dim),
        "ffn_norm": take(layers, dim),
        "w1": take(layers, hidden, dim),
        "w2": take(layers, dim, hidden),
        "w3": take(layers, hidden, dim),
        "norm": take(dim),
    }
    rope_tables = 2 * context * (dim // heads // 2) * 4
    assert at + rope_tables == len(raw), "the file has another layout"
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": dim,
        "intermediate_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": dim // heads,
        "vocab_size": vocab,
        "max_position_embeddings": context,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "float32",
    }
    return tensors, config


def half_split(rows, heads):
    """Moves rows [heads * size, dim] of each head from (0, 1), (2, 3), … to (0, half), (1, half + 1), …"""
    out, dim = rows.shape
    size = out // heads
    return rows.reshape(heads, size // 2, 2, dim).transpose(0, 2, 1, 3).reshape(out, dim)


def hugging_face_names(tensors, config):
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    named = {"model.embed_tokens.weight": tensors["embedding"], "model.norm.weight": tensors["norm"]}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        named |= {
            f"{prefix}.input_layernorm.weight": tensors["attention_norm"][layer],
            f"{prefix}.self_attn.q_proj.weight": half_split(tensors["wq"][layer], heads),
            f"{prefix}.self_attn.k_proj.weight": half_split(tensors["wk"][layer], kv_heads),
            f"{prefix}.self_attn.v_proj.weight": tensors["wv"][layer],
            f"{prefix}.self_attn.o_proj.weight": tensors["wo"][layer],
            f"{prefix}.post_attention_layernorm.weight": tensors["ffn_norm"][layer],
            f"{prefix}.mlp.gate_proj.weight": tensors["w1"][layer],
            f"{prefix}.mlp.down_proj.weight": tensors["w2"][layer],
            f"{prefix}.mlp.up_proj.weight": tensors["w3"][layer],
        }
    return {name: np.ascontiguousarray(tensor) for name, tensor in named.items()}


def read_pieces(path, count):
    raw = path.read_bytes()
    at = 4
    pieces = []
    for _ in range(count):
        score, length = struct.unpack_from("<fi", raw, at)
        at += 8
        pieces.append((raw[at : at + length].decode().replace(" ", SPACE), score))
        at += length
    assert at == len(raw), "tok512.bin has another layout"
    # The file writes the two markers between newlines.
    return [(piece.strip("\n"), score) if id in (1, 2) else (piece, score) for id, (piece, score) in enumerate(pieces)]


def tokenizer_json(pieces):
    ids = {piece: id for id, (piece, _) in enumerate(pieces)}
    assert len(ids) == len(pieces)
    normal = {piece: score for piece, score in pieces[259:]}
    merges = [
        (score, piece[:cut], piece[cut:])
        for piece, score in normal.items()
        for cut in range(1, len(piece))
        if piece[:cut] in normal and piece[cut:] in normal
    ]
    merges.sort(key=lambda merge: -merge[0])
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": id, "content": pieces[id][0], **flags} for id in range(3)],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": SPACE},
                {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "<s>", "type_id": 1}},
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": ids,
            "merges": [f"{left} {right}" for _, left, right in merges],
        },
    }


def write_json(name, value):
    (TARGET / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def main():
    source = Path(sys.argv[1])
    TARGET.mkdir(parents=True, exist_ok=True)
    tensors, config = read_tensors(source / "stories260K.bin")
    weights = TARGET / "model.safetensors"
    save_file(hugging_face_names(tensors, config), weights, metadata={"format": "pt"})
    weights.chmod(0o644)
    write_json("config.json", config)
    write_json("generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "do_sample": False})
    write_json("tokenizer.json", tokenizer_json(read_pieces(source / "tok512.bin", config["vocab_size"])))
    write_json(
        "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<s>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "model_max_length": config["max_position_embeddings"],
            "clean_up_tokenization_spaces": False,
        },
    )
    (TARGET / "README.md").write_text(CARD)


if __name__ == "__main__":
    main()
