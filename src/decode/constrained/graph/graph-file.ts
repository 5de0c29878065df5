/**
 * Graphs on disk: triples as tab-separated values or JSON Lines, one a line, and index files, which open without sorting
 * anything. All of them are untrusted.
 */

import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { z } from 'zod';
import { QuickstepError } from '../../../errors.ts';
import { CheckpointFile } from '../../../weights/checkpoint-file.ts';
import { readSafetensorsHeader, type SafetensorsTensor } from '../../../weights/safetensors.ts';
import { type TensorData, writeSafetensors } from '../../../weights/safetensors-write.ts';
import { type Columns, KnowledgeGraph } from './knowledge-graph.ts';
import { Names } from './names.ts';
import type { TripleNames } from './triple-text.ts';

/** Beyond these a file is refused. */
export const graphLimits = {
  /** Bytes of a file. */
  fileBytes: 1024 ** 3,
  triples: 10_000_000,
  /** Characters of a name. */
  name: 1_000,
  /** Characters of a line. */
  line: 16_000,
} as const;

export interface ReadGraphOptions {
  /** Files of `id<TAB>name`, for triples of ids. */
  names?: readonly string[];
  signal?: AbortSignal;
}

const bad = (path: string, problem: string, hint: string, cause?: unknown): QuickstepError =>
  new QuickstepError('bad-file', `${path}: ${problem}.`, hint, { cause });

const tripleHint = 'A line is head<TAB>relation<TAB>tail, or JSON: {"head": …, "relation": …, "tail": …}.';

async function checkSize(path: string): Promise<void> {
  const found = await stat(path).catch((cause) => {
    throw new QuickstepError('not-found', `Cannot open ${path}.`, 'Check the path.', { cause });
  });
  if (!found.isFile()) throw bad(path, 'it is not a file', tripleHint);
  if (found.size > graphLimits.fileBytes) {
    throw bad(path, `it has ${found.size} bytes`, `At most ${graphLimits.fileBytes} are read.`);
  }
}

/** Lines of a UTF-8 file with their numbers, blank ones left out. */
async function* linesOf(path: string, signal?: AbortSignal): AsyncIterable<{ line: string; number: number }> {
  await checkSize(path);
  const file = createReadStream(path);
  const stream = signal ? addAbortSignal(signal, file) : file;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  let number = 0;
  const decode = (bytes?: Uint8Array) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch (cause) {
      throw bad(path, `line ${number + 1} is not UTF-8`, 'Save the file as UTF-8.', cause);
    }
  };
  const cut = function* (text: string) {
    const lines = text.split('\n');
    rest = lines.pop()!;
    for (const raw of lines) {
      number++;
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line.trim() !== '') yield { line, number };
    }
    if (rest.length > graphLimits.line) throw bad(path, `line ${number + 1} is too long`, tripleHint);
  };
  for await (const bytes of stream) yield* cut(rest + decode(bytes));
  yield* cut(`${rest}${decode()}\n`);
}

// Control characters would end a line of a chain, or hide in it.
const name = z
  .string()
  .min(1)
  .max(graphLimits.name)
  .refine((text) => !/\p{Cc}|\p{Surrogate}/u.test(text), 'it has control characters');
const tripleSchema = z.object({ head: name, relation: name, tail: name });

function parseTriple(line: string): unknown {
  if (line.startsWith('{')) return JSON.parse(line);
  const [head, relation, tail, ...more] = line.split('\t');
  return more.length > 0 ? undefined : { head, relation, tail };
}

async function readNames(paths: readonly string[], signal?: AbortSignal): Promise<Map<string, string>[]> {
  const tables: Map<string, string>[] = [];
  for (const path of paths) {
    const table = new Map<string, string>();
    for await (const { line, number } of linesOf(path, signal)) {
      const [id, text, ...more] = line.split('\t');
      const parsed = name.safeParse(text);
      if (!parsed.success || more.length > 0)
        throw bad(path, `line ${number} is no name`, 'A line is id<TAB>name.');
      if (table.has(id))
        throw bad(path, `line ${number} names ${JSON.stringify(id)} again`, 'An id has one name.');
      table.set(id, parsed.data);
    }
    tables.push(table);
  }
  return tables;
}

async function readTriples(
  path: string,
  into: TripleNames[],
  [entities, relations = entities]: readonly Map<string, string>[],
  signal?: AbortSignal,
): Promise<void> {
  for await (const { line, number } of linesOf(path, signal)) {
    let value: unknown;
    try {
      value = parseTriple(line);
    } catch (cause) {
      throw bad(path, `line ${number} is no JSON`, tripleHint, cause);
    }
    const parsed = tripleSchema.safeParse(value);
    if (!parsed.success) {
      const [{ path: field, message }] = parsed.error.issues;
      throw bad(path, `line ${number} is no triple (${[...field, message].join(': ')})`, tripleHint);
    }
    const named = (table: Map<string, string> | undefined, id: string) => {
      const found = table ? table.get(id) : id;
      if (found === undefined)
        throw bad(path, `line ${number}: ${JSON.stringify(id)} has no name`, 'Give all files of names.');
      return found;
    };
    const { head, relation, tail } = parsed.data;
    into.push({
      head: named(entities, head),
      relation: named(relations, relation),
      tail: named(entities, tail),
    });
    if (into.length > graphLimits.triples)
      throw bad(path, `there are more than ${graphLimits.triples} triples`, 'Take a part of the graph.');
  }
}

/**
 * Reads a graph: an index file, or one or more files of triples.
 * @param names In the options: files of names of entities, and of relations where those have ids as well.
 * @throws QuickstepError 'not-found' for a file that is not there, 'bad-file' for one that is damaged, too large or no
 * graph; the signal's abort
 */
export async function readGraph(
  paths: string | readonly string[],
  { names = [], signal }: ReadGraphOptions = {},
): Promise<KnowledgeGraph> {
  const files = typeof paths === 'string' ? [paths] : paths;
  if (files.length === 1 && names.length === 0 && (await isIndex(files[0]))) return openIndex(files[0]);
  const tables = await readNames(names, signal);
  const triples: TripleNames[] = [];
  for (const path of files) await readTriples(path, triples, tables, signal);
  if (triples.length === 0) throw bad(files.join(', '), 'there are no triples', tripleHint);
  return KnowledgeGraph.of(triples);
}

/** Whether a file begins as safetensors do: a header length, then an object. No line of triples has the zero bytes. */
async function isIndex(path: string): Promise<boolean> {
  await checkSize(path);
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(9), 0, 9, 0);
    return bytesRead === 9 && buffer[7] === 0 && buffer[8] === 0x7b;
  } finally {
    await handle.close();
  }
}

const format = 'quickstep-graph-1';

/** Writes a graph as an index file. @throws QuickstepError 'no-space' when the disk is full. */
export async function saveGraph(path: string, graph: KnowledgeGraph): Promise<void> {
  const { entities, relations, columns, size } = graph;
  const integers = (data: Int32Array): TensorData => ({ dtype: 'I32', shape: [data.length], data });
  const bytes = (data: Uint8Array): TensorData => ({ dtype: 'U8', shape: [data.length], data });
  const triples = new Int32Array(3 * size);
  triples.set(columns.heads);
  triples.set(columns.relations, size);
  triples.set(columns.tails, 2 * size);
  const tensors = new Map<string, TensorData>([
    ['entities.offsets', integers(entities.offsets)],
    ['entities.bytes', bytes(entities.bytes)],
    ['relations.offsets', integers(relations.offsets)],
    ['relations.bytes', bytes(relations.bytes)],
    ['triples', { dtype: 'I32', shape: [3, size], data: triples }],
  ]);
  await writeSafetensors(path, tensors, { format });
}

async function openIndex(path: string): Promise<KnowledgeGraph> {
  const file = await CheckpointFile.open(path);
  const damaged = (problem: string) => bad(path, problem, 'Write it again with saveGraph.');
  try {
    const { tensors, metadata } = await readSafetensorsHeader(file);
    if (metadata.format !== format) throw damaged('it is no index of a graph');
    const read = async (key: string, type: string, rows = 1): Promise<Uint8Array> => {
      const tensor: SafetensorsTensor | undefined = tensors.get(key);
      const most = rows * 4 * graphLimits.triples;
      if (tensor?.type.name !== type || tensor.elements % rows !== 0 || tensor.byteLength > most * 25)
        throw damaged(`it has no ${key}`);
      return file.bytes(tensor.offset, tensor.byteLength);
    };
    const integers = async (key: string, rows?: number) =>
      new Int32Array((await read(key, 'I32', rows)).buffer);
    const names = async (key: string) => {
      const found = new Names(await integers(`${key}.offsets`), await read(`${key}.bytes`, 'U8'));
      if (!found.isSound) throw damaged(`the names of its ${key} are not in order`);
      return found;
    };
    const [entities, relations] = [await names('entities'), await names('relations')];
    const triples = await integers('triples', 3);
    const size = triples.length / 3;
    const column = (place: number) => triples.subarray(place * size, (place + 1) * size);
    const columns = { heads: column(0), relations: column(1), tails: column(2) };
    if (!areSound(columns, entities.count, relations.count)) throw damaged('its triples are not in order');
    return new KnowledgeGraph(entities, relations, columns);
  } finally {
    await file.close();
  }
}

/** Whether all numbers are in range, and triples ascend. */
function areSound({ heads, relations, tails }: Columns, entities: number, kinds: number): boolean {
  for (let i = 0; i < heads.length; i++) {
    const [h, r, t] = [heads[i], relations[i], tails[i]];
    if (h < 0 || h >= entities || r < 0 || r >= kinds || t < 0 || t >= entities) return false;
    if (i > 0 && (heads[i - 1] - h || relations[i - 1] - r || tails[i - 1] - t) >= 0) return false;
  }
  return true;
}
