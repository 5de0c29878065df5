/**
 * Loads @mlc-ai/web-xgrammar. Its file is CommonJS in a package that says it is ESM, so that Node.js can neither import nor
 * require it; it is run here as what it is.
 */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type * as xgrammar from '@mlc-ai/web-xgrammar';
import type { Vocabulary } from '../../src/decode/constrained/index.ts';

export type XGrammar = typeof xgrammar;

export async function loadXGrammar(): Promise<XGrammar> {
  const path = new URL('../node_modules/@mlc-ai/web-xgrammar/lib/index.js', import.meta.url);
  const source = await readFile(path, 'utf8');
  const module = { exports: {} as XGrammar };
  const run = new Function('module', 'exports', 'require', '__filename', '__dirname', source);
  run(module, module.exports, createRequire(path), path.pathname, new URL('.', path).pathname);
  return module.exports;
}

/** The characters that byte-level tokenizers write bytes as (GPT-2), by byte. */
function byteCharacters(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

/** The tokens of a vocabulary as XGrammar takes them; those without text are empty. */
export async function tokenizerInfo(xgrammar: XGrammar, vocabulary: Vocabulary) {
  const characters = byteCharacters();
  const tokens = Array.from({ length: vocabulary.size }, (_, id) =>
    Array.from(vocabulary.bytesOf(id) ?? [], (byte) => characters[byte]).join(''),
  );
  const { size, endIds } = vocabulary;
  return xgrammar.TokenizerInfo.createTokenizerInfo(tokens, 'byte_level', false, size, [...endIds]);
}

/** A grammar as XGrammar writes it, in GBNF: without its hints about what follows a rule. */
export function gbnfOf(grammar: string): string {
  const lines = grammar.split('\n').map((line) => line.replace(/ \(= .*\)$/, ''));
  return lines
    .join('\n')
    .replaceAll(/\\(.)/gs, (sequence, character) => (character === '0' ? '\\x00' : sequence));
}
