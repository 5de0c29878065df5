/** The text side of masked diffusion models: prompts and ends of answers from tokenizer files as they are published. */

import { describe, expect, it } from 'vitest';
import { tokenizerOf } from '../text/load.ts';
import { chatTemplateOf, endIdsOf } from './load-checkpoint.ts';

/** One piece for each printable ASCII character, and line breaks and spaces in the byte alphabet. */
const vocab = Object.fromEntries(
  ['Ċ', 'Ġ', ...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))].map((piece, id) => [
    piece,
    id,
  ]),
);

/** LLaDA-8B-Instruct's special tokens. */
const llada = {
  '<|startoftext|>': 126080,
  '<|endoftext|>': 126081,
  '<|mdm_mask|>': 126336,
  '<|start_header_id|>': 126346,
  '<|end_header_id|>': 126347,
  '<|eot_id|>': 126348,
};

const textOf = (specials: Record<string, number>, config: Record<string, unknown>) =>
  tokenizerOf({
    format: 'json',
    tokenizer: {
      added_tokens: Object.entries(specials).map(([content, id]) => ({ id, content, special: true })),
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
      decoder: { type: 'ByteLevel' },
      model: { type: 'BPE', vocab, merges: [] },
    },
    config,
  });

const config = {
  bos_token: '<|startoftext|>',
  eos_token: '<|endoftext|>',
  // Of the form the model carries: text is trimmed, and the start of text comes from the tokenizer.
  chat_template:
    "{% for message in messages %}{% set turn = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + " +
    "message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set turn = bos_token + turn %}{% endif %}" +
    "{{ turn }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
};

describe('LLaDA', () => {
  const { tokenizer, chatTemplate } = textOf(llada, config);

  it('makes a prompt of special tokens', () => {
    const template = chatTemplateOf(chatTemplate, tokenizer)!;
    const prompt = template.render([{ role: 'user', content: ' Hi ' }], { addGenerationPrompt: true });
    const ids = tokenizer.encode(prompt, { addSpecialTokens: false });
    const header = (role: string) => [126346, ...Array.from(role, (letter) => vocab[letter]), 126347, 0, 0];
    expect(ids).toEqual([126080, ...header('user'), vocab.H, vocab.i, 126348, ...header('assistant')]);
  });

  it('ends with the text or with the turn', () => {
    expect(tokenizer.eosIds).toEqual([126081]);
    expect(endIdsOf('llada', tokenizer)).toEqual([126081, 126348]);
  });

  it('leaves the base model, which has no turns, its one end', () => {
    const { '<|eot_id|>': _, ...base } = llada;
    expect(endIdsOf('llada', textOf(base, config).tokenizer)).toEqual([126081]);
  });
});

describe('ends of the others', () => {
  it.each([
    ['Dream', '<|im_end|>', [7000, 7001]],
    ['llada-moe', '<|role_end|>', [7000, 7001]],
    ['llama', '<|im_end|>', [7000]],
  ])('%s with %s', (type, turnEnd, ends) => {
    const { tokenizer } = textOf({ '<|endoftext|>': 7000, [turnEnd]: 7001 }, { eos_token: '<|endoftext|>' });
    expect(endIdsOf(type, tokenizer)).toEqual(ends);
  });

  it('counts an end once', () => {
    const { tokenizer } = textOf({ '<|im_end|>': 7001 }, { eos_token: '<|im_end|>' });
    expect(endIdsOf('Dream', tokenizer)).toEqual([7001]);
  });
});
