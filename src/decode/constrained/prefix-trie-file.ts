/**
 * Tries on disk, as JSON: a row of numbers for each node, parents before children. What is read is untrusted: its size is
 * bounded before it is parsed, and every row is checked; estimates are computed again from the probabilities.
 */

import { readFile, stat } from 'node:fs/promises';
import { QuickstepError } from '../../errors.ts';
import { replaceFile } from '../../weights/replace-file.ts';
import { PrefixTrie, type TrieNode } from './prefix-trie.ts';

const format = 'quickstep-prefix-trie';
const version = 1;
const maxBytes = 256 * 1024 * 1024;
/** What probabilities of one place may sum to beyond 1 by rounding. */
const rounding = 1e-6;

/** Parent's row (-1 for the root), token, log probability, probability, whether an answer ends; legal tokens (-1 when not asked), their mass. */
type Row = readonly [number, number, number, number, number, number, number];

const broken = (path: string, problem: string, cause?: unknown): QuickstepError =>
  new QuickstepError('bad-file', `The trie ${path} ${problem}.`, 'Delete it; it will be learned again.', {
    cause,
  });

/** Writes a trie, in place of an older one. @throws QuickstepError 'no-space' when the disk is full. */
export async function saveTrie(path: string, trie: PrefixTrie): Promise<void> {
  const rows: Row[] = [];
  const open: [node: TrieNode, parent: number][] = [[trie.root, -1]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [node, parent] = next;
    const { choice, probability, end, legal } = node;
    const { count = -1, mass = 0 } = legal ?? {};
    const row = rows.push([parent, choice.token, choice.logprob, probability, end ? 1 : 0, count, mass]) - 1;
    // Popped in the order in which they were added.
    for (const child of [...node.children.values()].reverse()) open.push([child, row]);
  }
  const { subject, draws } = trie;
  const text = JSON.stringify({ format, version, subject, draws, nodes: rows });
  await replaceFile(path, (handle) => handle.writeFile(text));
}

/**
 * Reads a trie; undefined when there is no such file.
 * @throws QuickstepError 'bad-file' when it is damaged, of another version or too large; 'not-found' when it may not be read
 */
export async function openTrie(path: string): Promise<PrefixTrie | undefined> {
  let source: string;
  try {
    const found = await stat(path);
    const { size } = found;
    if (!found.isFile()) throw broken(path, 'is no file');
    if (size > maxBytes) throw broken(path, `has ${size} bytes, more than ${maxBytes}`);
    source = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (QuickstepError.isInstance(error)) throw error;
    const hint = 'Check that it may be read.';
    throw new QuickstepError('not-found', `Cannot open the trie ${path}.`, hint, { cause: error });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(source);
  } catch (cause) {
    throw broken(path, 'is not valid JSON', cause);
  }
  return readTrie(path, parsed);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isRow = (value: unknown): value is Row =>
  Array.isArray(value) && value.length === 7 && value.every((entry) => Number.isFinite(entry));

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const isShare = (value: number): boolean => value >= 0 && value <= 1 + rounding;

function readTrie(path: string, parsed: unknown): PrefixTrie {
  if (!isRecord(parsed) || parsed.format !== format) throw broken(path, 'is no trie of answers');
  if (parsed.version !== version)
    throw broken(path, `is of version ${String(parsed.version)}, not ${version}`);
  const { subject, draws, nodes } = parsed;
  if (typeof subject !== 'string' || !isCount(draws) || !Array.isArray(nodes) || nodes.length === 0) {
    throw broken(path, 'lacks a part');
  }
  const trie = new PrefixTrie();
  trie.subject = subject;
  trie.draws = draws;
  const made: TrieNode[] = [];
  for (const [index, row] of nodes.entries()) {
    const node = isRow(row) && readRow(trie, made, row);
    if (!node) throw broken(path, `has a node that cannot be (number ${index})`);
    made.push(node);
  }
  for (const node of made) {
    const { legal, children, end } = node;
    const drawn = Array.from(children.values()).reduce((sum, child) => sum + child.probability, 0);
    const fits = legal ? children.size <= legal.count && drawn <= legal.mass + rounding : children.size === 0;
    if (!fits || (end && legal)) throw broken(path, 'has probabilities that do not add up');
  }
  // Children stand behind their parents.
  for (const node of made.reverse()) trie.update(node);
  return trie;
}

/** The node of a row, added to the trie; undefined for a row that cannot be. */
function readRow(trie: PrefixTrie, made: readonly TrieNode[], row: Row): TrieNode | undefined {
  const [parent, token, logprob, probability, end, count, mass] = row;
  if (!isShare(probability) || !isShare(mass) || logprob > rounding || (end !== 0 && end !== 1))
    return undefined;
  if (count !== -1 && !isCount(count)) return undefined;
  // An answer has a token: the one that ends it.
  if (made.length === 0 && end === 1) return undefined;
  let node = trie.root;
  if (made.length > 0) {
    const above = made[parent];
    if (!above || !isCount(token) || above.children.has(token)) return undefined;
    node = trie.add(above, { token, logprob }, probability);
  }
  node.end = end === 1;
  if (count !== -1) node.legal = { count, mass };
  return node;
}
