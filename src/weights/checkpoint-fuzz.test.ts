/**
 * Hostile weight files: seeded corruptions of small valid ones, and hand-made headers that claim the impossible.
 * Each must open (and then read, or refuse to) or throw a typed error, quickly and without large allocations.
 */

import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixture, seeded, temporaryFolder } from '../../test/golden/weights/golden.ts';
import { processorTime } from '../../test/support/processor-time.ts';
import { QuickstepError } from '../errors.ts';
import { openCheckpoint } from './checkpoint.ts';

const FILES = 2000;
const MEBIBYTE = 1024 * 1024;
/** Garbage between collections included; a single honoured claim of a corrupt header would be gigabytes. */
const MAX_GROWTH = 192 * MEBIBYTE;
const MAX_MILLISECONDS = 5000;

const originals = ['tiny.gguf', 'tiny.safetensors', 'sharded/model-00001-of-00002.safetensors'];

/** Claims worth making: sign bits, overflows of 32 and 53 bits, and off-by-ones. */
const claims = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  2n ** 40n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** Opens and reads everything; the error if one was thrown. */
async function consume(path: string): Promise<unknown> {
  try {
    const checkpoint = await openCheckpoint(path);
    try {
      for (const name of checkpoint.tensors.keys()) await checkpoint.read(name);
    } finally {
      await checkpoint.close();
    }
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Memory the process holds in the heap and in array buffers, and the most it ever held. */
function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function peakResident(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** One corruption of `original`, mostly in the header, where a file says how much there is. */
function corrupt(original: Buffer, random: () => number): Buffer {
  const bytes = Buffer.from(original);
  const below = (limit: number) => Math.floor(random() * limit);
  const position = () => below(random() < 0.8 ? Math.min(bytes.length, 2500) : bytes.length);
  switch (below(6)) {
    case 0:
      return bytes.subarray(0, below(bytes.length));
    case 1:
      for (let i = below(8); i >= 0; i--) bytes[position()] ^= 1 << below(8);
      return bytes;
    case 2: {
      const claim = Buffer.alloc(8);
      claim.writeBigUInt64LE(claims[below(claims.length)]);
      claim.copy(bytes, position());
      return bytes;
    }
    case 3: {
      const [from, to, length] = [position(), position(), below(64)];
      bytes.copy(bytes, to, from, from + length);
      return bytes;
    }
    case 4: {
      const [at, added] = [position(), Buffer.from(Array.from({ length: below(32) }, () => below(256)))];
      return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
    }
    default: {
      // A digit, quote or bracket for another one: still nearly JSON.
      const at = position();
      bytes.write('0123456789"[]{}:,-e'[below(19)], at, 'latin1');
      return bytes;
    }
  }
}

describe('hostile weight files', () => {
  it(`survives ${FILES} corrupted files`, async () => {
    const random = seeded(2024);
    const folder = await temporaryFolder();
    const sources = await Promise.all(originals.map((name) => readFile(fixture(name))));
    const outcomes = new Map<string, number>();
    const [start, startPeak] = [memory(), peakResident()];
    for (let i = 0; i < FILES; i++) {
      const which = i % originals.length;
      const path = join(folder, originals[which].endsWith('.gguf') ? 'corrupt.gguf' : 'corrupt.safetensors');
      await writeFile(path, corrupt(sources[which], random));
      const began = processorTime();
      const error = await consume(path);
      expect(processorTime() - began, `file ${i}`).toBeLessThan(MAX_MILLISECONDS);
      if (error !== undefined && !QuickstepError.isInstance(error)) throw error;
      const outcome = error?.code ?? 'opened';
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      expect(memory() - start, `file ${i}`).toBeLessThan(MAX_GROWTH);
    }
    expect(peakResident() - startPeak).toBeLessThan(2 * MAX_GROWTH);
    expect([...outcomes.keys()].sort()).toEqual(['bad-file', 'opened', 'unsupported']);
    // The corruptions must bite, and not all in the same way.
    expect(outcomes.get('bad-file')).toBeGreaterThan(FILES / 4);
    expect(outcomes.get('opened')).toBeGreaterThan(FILES / 20);
  });

  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const u64 = (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return bytes;
  };
  const text = (value: string) => Buffer.concat([u64(BigInt(value.length)), Buffer.from(value)]);
  const gguf = (tensors: bigint, pairs: bigint, ...rest: Buffer[]) =>
    Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors), u64(pairs), ...rest]);
  const array = (type: number, count: bigint) => [text('k'), u32(9), u32(type), u64(count)];
  const nested = (depth: number) => Array.from({ length: depth }, () => Buffer.concat([u32(9), u64(1n)]));
  const tensor = (rank: number, size: bigint) => [
    text('t'),
    u32(rank),
    ...Array.from({ length: rank }, () => u64(size)),
    u32(0),
    u64(0n),
  ];

  it.each<[name: string, head: Buffer, reason: RegExp]>([
    ['a safetensors header of 2^63 bytes', u64(2n ** 63n), /header claims/],
    ['a safetensors header of 100 MB and a byte', u64(100_000_001n), /header claims/],
    ['2^64 - 1 tensors', gguf(2n ** 64n - 1n, 0n), /number of tensors is/],
    ['2^40 metadata pairs', gguf(0n, 2n ** 40n), /claims 1099511627776 metadata pairs/],
    ['a key of 2^62 bytes', gguf(0n, 1n, u64(2n ** 62n)), /length of a metadata key is/],
    [
      'a string of 900 MiB that the file has room for',
      gguf(0n, 1n, text('k'), u32(8), u64(943718400n)),
      /943718400 bytes long/,
    ],
    ['an array of 2^60 strings', gguf(0n, 1n, ...array(8, 2n ** 60n)), /number of elements of "k" is/],
    [
      'an array of 2^29 bytes that the file has room for',
      gguf(0n, 1n, ...array(0, 2n ** 29n)),
      /claims 536870912 elements/,
    ],
    ['4 million strings in a small file', gguf(0n, 1n, ...array(8, 4_000_000n)), /more than the file/],
    ['4 million empty strings and no model', gguf(0n, 1n, ...array(8, 4_000_000n)), /architecture/],
    ['arrays nested 100,000 deep', gguf(0n, 1n, text('k'), u32(9), ...nested(100_000)), /nested more than/],
    ['a tensor of 2^32 dimensions', gguf(1n, 0n, text('t'), u32(0xffff_ffff)), /4294967295 dimensions/],
    ['a tensor of 2^128 elements', gguf(1n, 0n, ...tensor(4, 2n ** 32n)), /impossible dimension/],
    ['a tensor of 2^50 bytes', gguf(1n, 0n, ...tensor(4, 2n ** 12n)), /needs bytes up to/],
    ['an empty dimension', gguf(1n, 0n, ...tensor(2, 0n)), /impossible dimension 0/],
    ['an empty file', Buffer.alloc(0), /ends inside the file head/],
  ])('refuses %s', async (name, head, reason) => {
    const extension = name.includes('safetensors') ? 'safetensors' : 'gguf';
    const path = join(await temporaryFolder(), `hostile.${extension}`);
    await writeFile(path, head);
    if (head.length > 0 && !name.includes('small')) {
      // A gibibyte, so that claims are not refused for want of bytes alone; sparse, so that it takes no disk.
      const handle = await open(path, 'r+');
      await handle.truncate(1024 * MEBIBYTE);
      await handle.close();
    }
    const [start, startPeak, began] = [memory(), peakResident(), processorTime()];
    expect(await consume(path)).toMatchObject({
      name: 'QuickstepError',
      code: 'bad-file',
      message: expect.stringMatching(reason),
    });
    expect(processorTime() - began).toBeLessThan(MAX_MILLISECONDS);
    expect(memory() - start).toBeLessThan(MAX_GROWTH);
    expect(peakResident() - startPeak).toBeLessThan(MAX_GROWTH);
  });
});
