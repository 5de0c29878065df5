"""Makes src/text/fixtures/*.golden.json: small tokenizers and their ids, and rendered chat templates.

Needs the packages tokenizers, transformers and jinja2. Run from the root of the repository:

    python tools/golden_text.py shakespeare.txt

`shakespeare.txt` is any public-domain English text of about a megabyte (the checked-in fixtures were made
from "tiny shakespeare"). The tokenizers are trained here on its first part and on the corpus below; ids and
texts are those of the Python `tokenizers` package, chat prompts those of transformers.
"""

import json
import re
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.utils.chat_template_utils import _compile_jinja_template

FIXTURES = Path("src/text/fixtures")
VOCAB = 900
CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SYMBOLS = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

CORPUS = [
    "",
    " ",
    "a",
    "Hello, world!",
    "Hello,  world! It's I'll they've we'd I'm you're don't DON'T IT'S 'S 'ſ 'ſt 'LL",
    "the year 1984, pi = 3.14159, 1,000,000 and 0x1F; ½ ¾ ² ³ ⅷ Ⅻ ① ٣٤٥ ๑๒๓ 一二三 𝟘𝟙𝟚 १२३",
    "👩‍👩‍👧‍👦 family, 👍🏽 thumb, 🏳️‍🌈 flag, 🇫🇷🇯🇵🇧🇷, 1️⃣ keycap, 🧑🏿‍🚀❤️‍🔥",
    "今天天气很好，我们去公园吧。漢字かな交じり文、カタカナ。한국어 문장입니다.",
    "ภาษาไทยไม่มีการเว้นวรรคระหว่างคำ",
    "مرحبا بالعالم، كيف حالك؟ السَّلَامُ",
    "שלום עולם, מה שלומך? שָׁלוֹם",
    "हिन्दी में लिखा हुआ वाक्य। தமிழ் বাংলা",
    "Καλημέρα κόσμε, ΣΊΣΥΦΟΣ σίσυφος. Привет, мир! Ёлка й",
    "café naïve Å ﬁ ﬀ Ǆ (NFC)",
    "cafe\u0301 nai\u0308ve A\u030a \u1100\u1161\u11a8 q\u0307\u0323 q\u0323\u0307 (NFD)",
    "Z\u0351\u036b\u0343\u036a\u0302\u036balgo\u0315\u031b\u0340 text",
    "def f(x):\n    return x ** 2  # square\n\n\nclass A:\n\tpass\n",
    'fn main() {\r\n    println!("{}", 1_000u64);\r\n}\r\n',
    "for (let i = 0; i < n; i++) { a[i] ??= `${b}`; } // done\n",
    "SELECT * FROM t WHERE a<>'b' AND c >= 10; -- note",
    "<div class=\"x\">&nbsp;&amp;</div>\n<!-- c -->",
    "{\"key\": [1, 2.5e-3, null, true], \"emoji\": \"\\ud83d\\ude00\"}",
    "tabs\t\t\tand \t mixed\t ",
    "spaces  2   3    4     5                                    40",
    "    leading and trailing    ",
    "\n\n\n   \n \n\t\n",
    "line\rcarriage\r\n\r\nreturn\n\r",
    "\x00\x01\x02\x07\x08\x0b\x0c\x1b[31m\x7f\x80\x85\x9f",
    "a\x00b",
    "a\x85b\x85\x85c \x85 d\x1c\x1d\x1e\x1fe",
    "\ufeffbyte order mark \ufeff inside\ufeff",
    "nbsp\xa0\xa0here\u2009thin\u200bzero\u200c\u200d\u2060width\u3000ideographic\u1680ogham\u180emvs\u2028ls\u2029ps",
    "\u202eright to left override\u202c \u2066isolate\u2069",
    "\ufffd \ufffe \uffff \U0010ffff \U000e0041",
    "Ω≈ç√∫˜µ≤≥÷ ¡™£¢∞§¶•ªº–≠ ‘quotes’ “double” … — –",
    "http://example.com/a/b?c=d&e=%20#frag user.name+tag@example.org",
    "snake_case camelCase PascalCase SCREAMING_SNAKE kebab-case x__y___z",
    "!!!???...;;;:::---___===+++***///\\\\\\|||&&&",
    "ALL CAPS AND 'Quoted' \"text\" (brackets) [square] {curly} <angle>",
    "mixedЯзыкиそして한글andالعربية1२३",
    "a" * 400,
    "ab" * 150 + " " + "no" * 100,
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen",
    "0" * 100,
    " " * 300 + "x",
    "\n" * 100,
    "🙂" * 30,
    "user says <|im_end|> and <|im_start|>assistant\nhi<|im_end|>",
    "<s>begin</s> <unk> <0x0A> <0xE4><0xBD> ▁ ▁▁ <|endoftext|>",
    "<|im_end|><|im_end|>",
    "<|im_end|",
    "x<|im_end|>y  <think> z <think>  single <word> <word>! a<word>b <word>",
    "  <think>  <|im_start|>  NORMALIZED normalized Co\u0323tok C\u1ecdtok",
    "__proto__ constructor toString hasOwnProperty 0 1 2 10",
    "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n",
]

# Text with lone surrogates, which Python cannot encode: its ids are those of the text with U+FFFD instead.
SURROGATES = ["a\ud800b", "\udc00", "\ud83d", "x\ude00\ud83d y", "\ud83d\ud83d\ude00"]


def byte_level_trainer(specials):
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return trainers.BpeTrainer(vocab_size=VOCAB, special_tokens=specials, initial_alphabet=alphabet, show_progress=False)


def trained_byte_level(texts, pre_tokenizer, specials, normalizer=None, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(texts, byte_level_trainer(specials))
    return tokenizer


def smollm_like(texts):
    steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    return trained_byte_level(texts, pre_tokenizers.Sequence(steps), specials)


def split_words(pattern):
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def llama3_like(texts):
    pattern = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + SYMBOLS
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]
    tokenizer = trained_byte_level(texts, split_words(pattern), specials, ignore_merges=True)
    # Words that no merges make, so that ignore_merges shows.
    data = json.loads(tokenizer.to_str())
    for word in ["ĠDonau", "SELECT", "Ġcurly"]:
        data["model"]["vocab"][word] = len(data["model"]["vocab"])
    tokenizer = Tokenizer.from_str(json.dumps(data))
    template = processors.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return tokenizer


def qwen2_like(texts):
    pattern = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + SYMBOLS
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = trained_byte_level(texts, split_words(pattern), specials, normalizer=normalizers.NFC())
    tokenizer.add_tokens(
        [
            AddedToken("<think>", lstrip=True, rstrip=True, normalized=False),
            AddedToken("<word>", single_word=True, normalized=False),
            AddedToken("C\u1ecdtok", normalized=True),
        ]
    )
    return tokenizer


def merges_by_score(pieces):
    """All ways to cut a piece in two, in the order of the piece's id (its score falls with its id)."""
    merges = []
    for piece in pieces:
        for cut in range(1, len(piece)):
            if piece[:cut] in pieces and piece[cut:] in pieces:
                merges.append((piece[:cut], piece[cut:]))
    return merges


def llama2_like(texts):
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=VOCAB - 259, limit_alphabet=120, show_progress=False)
    trained.train_from_iterator(texts, trainer)
    vocab = trained.get_vocab()
    # As in SentencePiece models: merged pieces in the order they were learned, then single characters.
    learned = sorted(vocab, key=lambda piece: (len(piece) == 1, vocab[piece]))
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *learned]
    ids = {piece: id for id, piece in enumerate(pieces)}
    merges = merges_by_score(dict.fromkeys(learned))
    tokenizer = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in ["<unk>", "<s>", "</s>"]])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def metaspace_variant(tokenizer):
    variant = Tokenizer.from_str(tokenizer.to_str())
    variant.normalizer = normalizers.Sequence([])
    variant.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    return variant


def without_surrogates(text):
    return re.sub("[\ud800-\udfff]", "\ufffd", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def cases(tokenizer):
    rows = []
    for text in CORPUS + SURROGATES:
        known = without_surrogates(text) if text in SURROGATES else text
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(known).ids
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(known, add_special_tokens=False).ids
        row = {"text": text, "ids": ids, "decoded": tokenizer.decode(ids)}
        if plain != ids:
            row["plain"] = plain
        rows.append(row)
    return rows


def write(name, value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    (FIXTURES / f"{name}.golden.json").write_text(text + "\n")


CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
HEADERS = """{%- set offset = 0 -%}
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{%- if tools is not none and tools %}
    {{- "Tools:\\n" }}
    {%- for tool in tools %}
        {{- tool | tojson(indent=4) }}
        {{- "\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{%- for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Roles must alternate user/assistant') }}
    {%- endif %}
    {{- '<|header|>' + message.role + '\\n\\n' + message.content | trim + eos_token }}
    {%- if loop.last and message.role == 'user' and add_generation_prompt %}{{- '<|header|>assistant\\n\\n' }}{% endif %}
{%- endfor %}
"""
BLOCKS = """{% set ns = namespace(turns=0, system='') %}
{% for m in messages %}
  {% if m.role == 'system' %}
    {% set ns.system = m.content.split('\\n')[-1] %}
  {% else %}
    {% set ns.turns = ns.turns + 1 %}
{{ ns.turns }}. {{ m.role|upper }}: {{ m.content|replace('<', '&lt;') }}
  {% endif %}
{% endfor %}
[{{ ns.system }}]{{ '' if not add_generation_prompt else '\\nASSISTANT:' }}"""

CHATS = [
    [{"role": "user", "content": "Hi <b>!"}],
    [
        {"role": "system", "content": " Be brief.\nBe kind. "},
        {"role": "user", "content": "  What's 2+2? 👩‍👧  "},
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "And\n\n3+3?"},
    ],
]
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds \"two\" numbers", "parameters": {"type": "object"}}}


def chat_goldens():
    templates = [CHATML, HEADERS, BLOCKS]
    prompts = []
    for template, source in enumerate(templates):
        compiled = _compile_jinja_template(source)
        for chat, messages in enumerate(CHATS):
            for prompt in [False, True]:
                for tools in [None, [TOOL]]:
                    text = compiled.render(
                        messages=messages, add_generation_prompt=prompt, tools=tools, bos_token="<s>", eos_token="</s>"
                    )
                    row = {"template": template, "chat": chat, "prompt": prompt, "tools": tools is not None, "text": text}
                    prompts.append(row)
    return {"templates": templates, "chats": CHATS, "tools": [TOOL], "prompts": prompts}


TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def word_goldens():
    """Words of pre-tokenizers that the four tokenizers leave out, on every third text of the corpus."""
    split = pre_tokenizers.Split
    behaviors = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
    digit = Regex(r"[\d\s]")
    kinds = [
        *(split(digit, behavior=behavior) for behavior in behaviors),
        split(" ", behavior="merged_with_next"),
        split(Regex(r"\p{L}+"), behavior="removed", invert=True),
        split(Regex(r"(?=(\d{3})+(?!\d))"), behavior="isolated"),
        split_words(TEKKEN),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Punctuation(),
        pre_tokenizers.Punctuation(behavior="contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True),
        pre_tokenizers.Metaspace(prepend_scheme="never", split=True),
        pre_tokenizers.Metaspace(prepend_scheme="always", split=False),
    ]
    rows = []
    for kind in kinds:
        config = json.loads(kind.__getstate__())
        words = [[word for word, _ in kind.pre_tokenize_str(text)] for text in CORPUS[1::3]]
        rows.append({"config": config, "words": words})
    return {"texts": CORPUS[1::3], "preTokenizers": rows}


def main():
    novel = Path(sys.argv[1]).read_text()[:200_000]
    texts = novel.split("\n\n") + CORPUS * 3
    byte_level_config = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    llama3_config = {"bos_token": "<|begin_of_text|>", "eos_token": {"content": "<|end_of_text|>"}, "eos_token_id": [1, 2]}
    llama2_config = {"bos_token": "<s>", "eos_token": "</s>"}
    for name, tokenizer, config in [
        ("smollm-like", smollm_like(texts), byte_level_config),
        ("llama3-like", llama3_like(texts), llama3_config),
        ("qwen2-like", qwen2_like(texts), byte_level_config),
        ("llama2-like", llama2_like(texts), llama2_config),
    ]:
        fixture = {"tokenizer": json.loads(tokenizer.to_str()), "config": config, "cases": cases(tokenizer)}
        if name == "llama2-like":
            variant = metaspace_variant(tokenizer)
            fixture["metaspace"] = {
                "pre_tokenizer": json.loads(variant.to_str())["pre_tokenizer"],
                "cases": cases(variant),
            }
        write(name, fixture)
    write("chat", chat_goldens())
    write("words", word_goldens())


if __name__ == "__main__":
    main()
