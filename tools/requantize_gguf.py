"""Rewrites a GGUF file with every matrix in one block format, so that engines can be compared on the same weights.

Usage: python requantize_gguf.py INPUT.gguf OUTPUT.gguf Q8_0|Q4_0
Packages: gguf 0.19.0, numpy 2.4.6.
Matrices are dequantized and quantized again with the gguf package; vectors become F32. Metadata and the tokenizer
are kept as they are. The output appears under its name only when it is complete.
"""

import sys
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
from gguf.quants import dequantize, quantize

# What the writer writes on its own, and what describes the old tensors.
OWN_KEYS = {"GGUF.version", "GGUF.tensor_count", "GGUF.kv_count", "general.architecture", "general.file_type"}


def copy_metadata(reader, writer):
    for field in reader.fields.values():
        if field.name in OWN_KEYS:
            continue
        kind = field.types[0]
        sub_type = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=sub_type)


def main(source, target, name):
    kind = GGMLQuantizationType[name]
    reader = GGUFReader(source)
    part = Path(f"{target}.part")
    writer = GGUFWriter(part, reader.get_field("general.architecture").contents())
    copy_metadata(reader, writer)
    writer.add_file_type(LlamaFileType[f"MOSTLY_{name}"])
    for tensor in reader.tensors:
        # GGUF shapes are innermost first; `data` is already in row order.
        shape = tuple(int(size) for size in reversed(tensor.shape))
        values = dequantize(tensor.data, tensor.tensor_type).reshape(shape).astype(np.float32)
        if len(shape) == 1:
            writer.add_tensor(tensor.name, values)
        else:
            writer.add_tensor(tensor.name, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(target)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[3] not in ("Q8_0", "Q4_0"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
