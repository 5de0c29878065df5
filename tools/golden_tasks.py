"""Makes src/tasks/tokenizers.golden.json: ids of the house tokenizer by the Python package `tokenizers`.

Run from the root of the repository: python tools/golden_tasks.py
"""

import json
from pathlib import Path

from tokenizers import Tokenizer

TEXTS = [
    "",
    " ",
    "Use 3 7 8 to make 29.<|answer|>7*3=21\n21+8=29<|eos|>",
    "Sudoku:\n1.3.\n..21\n...4\n4.1.<|answer|>1234\n",
    "Tom has 4 bags with 12 apples each. He buys 3 more and gives 8 to Mia.",
    "12+35=47\n47-8=39\n#### 39",
    "####39 #### x\n\n#### 1",
    'Ali has a dog named Coco. JSON: pet {kind, name}, age<|answer|>{"pet":{"kind":"dog"},"age":null}',
    "Sort down: 0 99 5  7",
    "has 1, has  1 has\n1 has１ has٣",
    "Ünïcode naïve 漢字 12 かな 🙂👩‍👩‍👧 ½² Ⅻ",
    "tabs\tand\r\nlines\u2028 \u00a0x\u3000y\ufeff",
    "<|mask|><|mask|> <|pad|> <|eos",
    "\x00\x01\x7f\x85",
    "hello 2 worlds... {\"a\":[1,2]}",
]

tokenizer = Tokenizer.from_file("models/house-causal/tokenizer.json")
cases = [{"text": text, "ids": tokenizer.encode(text).ids} for text in TEXTS]
Path("src/tasks/tokenizers.golden.json").write_text(json.dumps({"cases": cases}, ensure_ascii=True) + "\n")
print(len(cases), "cases")
