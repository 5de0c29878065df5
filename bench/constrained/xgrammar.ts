/**
 * Loads @mlc-ai/web-xgrammar. Its file is CommonJS in a package that says it is ESM, so that Node.js can neither import nor
 * require it; it is run here as what it is. The package is installed in bench/ only, so what is used of it is declared here.
 */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Vocabulary } from '../../src/decode/constrained/index.ts';

export interface Disposable {
  dispose(): void;
}

interface Matcher extends Disposable {
  reset(): void;
  acceptToken(token: number): boolean;
  getNextTokenBitmask(): Promise<Int32Array>;
}

/** Any white space, indentation, separators, strict mode. */
type SchemaStyle = [false, -1, [',', ':'], true];

interface Compiler extends Disposable {
  compileGrammar(grammar: string): Promise<Disposable>;
  compileJSONSchema(schema: string, ...style: SchemaStyle): Promise<Disposable>;
}

export interface XGrammar {
  Testings: { _jsonSchemaToEBNF(schema: string, ...style: SchemaStyle): Promise<string> };
  TokenizerInfo: {
    createTokenizerInfo(
      tokens: string[],
      type: 'byte_level',
      prependSpace: boolean,
      size: number,
      stopIds: number[],
    ): Promise<Disposable>;
  };
  GrammarCompiler: { createGrammarCompiler(info: Disposable, caches: boolean): Promise<Compiler> };
  GrammarMatcher: { createGrammarMatcher(compiled: Disposable): Promise<Matcher> };
}

/** Documents on one line without blanks, as JSON.stringify writes them. */
export const oneLine: SchemaStyle = [false, -1, [',', ':'], true];

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

/**
 * XGrammar's side of the constrained benchmark: ms of compiling a schema, and of a mask along a document, the first and the
 * second time.
 */
export async function createXGrammarSide(vocabulary: Vocabulary) {
  const xgrammar = await loadXGrammar();
  const info = await tokenizerInfo(xgrammar, vocabulary);
  const compiler = await xgrammar.GrammarCompiler.createGrammarCompiler(info, false);
  return async (schema: Record<string, unknown>, tokens: readonly number[]) => {
    let started = performance.now();
    const compiled = await compiler.compileJSONSchema(JSON.stringify(schema), ...oneLine);
    const compile = performance.now() - started;
    const matcher = await xgrammar.GrammarMatcher.createGrammarMatcher(compiled);
    const pass = async () => {
      matcher.reset();
      started = performance.now();
      for (const token of tokens) {
        await matcher.getNextTokenBitmask();
        if (!matcher.acceptToken(token)) throw new Error('XGrammar refuses a document of the schema');
      }
      return (performance.now() - started) / tokens.length;
    };
    const times = { compile, 'first mask': await pass(), 'warm mask': await pass() };
    matcher.dispose();
    compiled.dispose();
    return times;
  };
}
