"""Exports a Llama-family GGUF file to ONNX in the layout transformers.js loads, in float32 and in 8 bit ("q8").

Usage: python export_onnx.py INPUT.gguf OUTPUT_FOLDER
Packages: torch 2.15.0, transformers 5.23.0, numpy 2.4.6, gguf 0.19.0, onnx 1.23.2, onnx-ir 1.1.0, onnxruntime 1.32.0,
onnxruntime-genai 0.18.0.
The graph comes from the model builder of ONNX Runtime GenAI, as today's published exports do: fused attention
(GroupQueryAttention) and norms, inputs input_ids, attention_mask, past_key_values.N.key/value, outputs logits,
present.N.key/value. One input is added, num_logits_to_keep, which transformers.js sets to 1 so that a prompt does
not pay for the output head of every row. The 8-bit file is ONNX Runtime's dynamic quantization. The folder
appears under its name only when it is complete.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModelForCausalLM, AutoTokenizer


def save_hugging_face(source, folder):
    """The checkpoint, dequantized to float32, as a Hugging Face folder."""
    name = {"gguf_file": source.name}
    model = AutoModelForCausalLM.from_pretrained(source.parent, dtype=torch.float32, **name)
    # Loading marks the model as quantized, which saving refuses; its weights are plain float32 by now.
    model.hf_quantizer = None
    model.is_quantized = model._is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source.parent, **name).save_pretrained(folder)


def keep_last_logits(graph):
    """Lets the output head read only the last `num_logits_to_keep` rows; 0 keeps all."""
    head = next(node for node in graph.node if "logits" in node.output)
    graph.input.append(helper.make_tensor_value_info("num_logits_to_keep", TensorProto.INT64, []))
    for name, value in (("end", np.iinfo(np.int64).max), ("axis", 1)):
        graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), f"keep/{name}"))
    graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "keep/shape"))
    nodes = [
        helper.make_node("Neg", ["num_logits_to_keep"], ["keep/negative"]),
        helper.make_node("Reshape", ["keep/negative", "keep/shape"], ["keep/start"]),
        helper.make_node("Slice", [head.input[0], "keep/start", "keep/end", "keep/axis"], ["keep/rows"]),
    ]
    position = list(graph.node).index(head)
    for offset, node in enumerate(nodes):
        graph.node.insert(position + offset, node)
    head.input[0] = "keep/rows"


def state_head_size(graph, size):
    """Writes the head size into the cache's shape; transformers.js makes the empty cache from it."""
    for value in graph.input:
        if value.name.startswith("past_key_values."):
            value.type.tensor_type.shape.dim[3].dim_value = size


def main(source, target):
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    checkpoint, built, out = part / "checkpoint", part / "built", part / "out"
    (out / "onnx").mkdir(parents=True)
    save_hugging_face(source, checkpoint)
    options = ["-m", checkpoint, "-o", built, "-p", "fp32", "-e", "cpu", "-c", part / "cache"]
    subprocess.run([sys.executable, "-m", "onnxruntime_genai.models.builder", *map(str, options)], check=True)
    # One file without external data: transformers.js then needs no further configuration.
    model = onnx.load(built / "model.onnx")
    keep_last_logits(model.graph)
    state_head_size(model.graph, json.loads((checkpoint / "config.json").read_text())["head_dim"])
    onnx.save(model, out / "onnx" / "model.onnx")
    del model
    quantize_dynamic(
        out / "onnx" / "model.onnx",
        out / "onnx" / "model_quantized.onnx",
        weight_type=QuantType.QInt8,
        per_channel=True,
        extra_options={"MatMulConstBOnly": True},
    )
    for file in checkpoint.glob("*.json"):
        shutil.copy(file, out)
    shutil.rmtree(target, ignore_errors=True)
    out.rename(target)
    shutil.rmtree(part)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
