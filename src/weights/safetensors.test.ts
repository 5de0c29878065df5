import { existsSync } from 'node:fs';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixture, fromBase64, golden, temporaryFolder } from '../../test/golden/weights/golden.ts';
import { openCheckpoint } from './checkpoint.ts';
import { floatToBfloat, floatToHalf, halfToFloat } from './half.ts';
import { writeError } from './replace-file.ts';
import { type TensorData, writeSafetensors, writeTensors } from './safetensors-write.ts';

const expected = golden<Record<string, { shape: number[]; values: string }>>('tiny-safetensors');

/** A file with this header object and `data` zero bytes. */
async function fileOf(header: unknown, data = 0): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const path = join(await temporaryFolder(), 'made.safetensors');
  await writeFile(path, Buffer.concat([prefix, json, Buffer.alloc(data)]));
  return path;
}

const f32 = (shape: number[], start: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [start, end],
});

describe('reading safetensors', () => {
  it('reads every element type of a file of the safetensors package', async () => {
    const checkpoint = await openCheckpoint(fixture('tiny.safetensors'));
    expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [name, { shape, values }] of Object.entries(expected)) {
      expect(checkpoint.tensors.get(name)?.shape).toEqual(shape);
      expect(await checkpoint.read(name), name).toEqual(new Float32Array(fromBase64(values).buffer));
    }
    await checkpoint.close();
  });

  it.each([
    ['a header that is no JSON', '{"a":', 0],
    ['a header that is a list', '[]', 0],
    ['an entry that is no object', { a: 3 }, 0],
    ['an entry with an extra key', { a: { ...f32([1], 0, 4), extra: 1 } }, 4],
    ['a negative size', { a: f32([-1], 0, 4) }, 4],
    ['a fractional size', { a: f32([0.5], 0, 2) }, 2],
    ['a product that overflows', { a: f32([2 ** 40, 2 ** 40], 0, 4) }, 4],
    ['offsets past the end', { a: f32([4], 0, 16) }, 8],
    ['offsets that disagree with the shape', { a: f32([2], 0, 4) }, 4],
    ['reversed offsets', { a: f32([1], 4, 0) }, 4],
    ['overlapping tensors', { a: f32([1], 0, 4), b: f32([1], 2, 6) }, 6],
    ['a gap', { a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12],
    ['bytes after the last tensor', { a: f32([1], 0, 4) }, 8],
    ['metadata that is not strings', { __metadata__: { a: 1 } }, 0],
  ])('refuses %s', async (_, header, data) => {
    await expect(openCheckpoint(await fileOf(header, data))).rejects.toMatchObject({ code: 'bad-file' });
  });

  it('names the tensor and type it does not read', async () => {
    const path = await fileOf({ odd: { dtype: 'F8_E4M3', shape: [4], data_offsets: [0, 4] } }, 4);
    await expect(openCheckpoint(path)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/"odd".*F8_E4M3/),
    });
  });

  it('reads a tensor larger than one slab', async () => {
    const path = join(await temporaryFolder(), 'large.safetensors');
    const data = Float32Array.from({ length: 2_500_001 }, (_, i) => (i % 2048) - 1024);
    await writeSafetensors(path, new Map([['large', { dtype: 'F16', shape: [data.length], data }]]));
    const checkpoint = await openCheckpoint(path);
    expect(Buffer.compare(bytesOf(await checkpoint.read('large')), bytesOf(data))).toBe(0);
    await checkpoint.close();
  });
});

describe('writing safetensors', () => {
  it('writes the bytes the safetensors package writes', async () => {
    const values = (name: string) => new Float32Array(fromBase64(expected[name].values).buffer);
    const original = await readFile(fixture('tiny.safetensors'));
    const doubles = (name: string) => storedBytes(original, name);
    const tensors = new Map<string, TensorData>([
      ['bool', { dtype: 'BOOL', shape: [5], data: Uint8Array.from(values('bool')) }],
      ['u8', { dtype: 'U8', shape: [5], data: Uint8Array.from(values('u8')) }],
      ['i8', { dtype: 'I8', shape: [5], data: Int8Array.from(values('i8')) }],
      ['i16', { dtype: 'I16', shape: [5], data: Int16Array.from(values('i16')) }],
      ['i32', { dtype: 'I32', shape: [5], data: Int32Array.from(values('i32')) }],
      ['i64', { dtype: 'I64', shape: [5], data: new BigInt64Array(doubles('i64')) }],
      ['f64', { dtype: 'F64', shape: [3, 4], data: new Float64Array(doubles('f64')) }],
      ['f32', { dtype: 'F32', shape: [3, 4], data: values('f32') }],
      ['f16', { dtype: 'F16', shape: [3, 4], data: values('f32') }],
      ['bf16', { dtype: 'BF16', shape: [3, 4], data: values('f32') }],
      ['scalar', { dtype: 'F32', shape: [], data: values('scalar') }],
      ['empty', { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) }],
    ]);
    const path = join(await temporaryFolder(), 'written.safetensors');
    await writeSafetensors(path, tensors, { format: 'pt' });
    expect((await readFile(path)).equals(original)).toBe(true);
  });

  it('restores what it wrote, for any tensors', async () => {
    const folder = await temporaryFolder();
    const tensor = fc.record({
      dtype: fc.constantFrom('F32', 'F16', 'BF16'),
      shape: fc.array(fc.nat(5), { maxLength: 3 }),
      seed: fc.float({ min: -1000, max: 1000, noNaN: true }),
    });
    const name = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => text !== '__metadata__');
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, tensor, { maxKeys: 5 }), async (made) => {
        const tensors = new Map<string, TensorData>();
        for (const [key, { dtype, shape, seed }] of Object.entries(made)) {
          const length = shape.reduce((product, size) => product * size, 1);
          const data = Float32Array.from({ length }, (_, i) => seed * Math.sin(i + 1));
          tensors.set(key, { dtype, shape, data } as TensorData);
        }
        const path = join(folder, 'round-trip.safetensors');
        await writeSafetensors(path, tensors);
        const checkpoint = await openCheckpoint(path);
        expect(new Set(checkpoint.tensors.keys())).toEqual(new Set(tensors.keys()));
        for (const [key, { dtype, shape, data }] of tensors) {
          expect(checkpoint.tensors.get(key)).toMatchObject({ dtype, shape });
          expect(await checkpoint.read(key)).toEqual(rounded(dtype, data as Float32Array));
        }
        await checkpoint.close();
      }),
      { numRuns: 50 },
    );
  });

  it('leaves the old file and no temporary file behind when it fails', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'kept.safetensors');
    const data = new Float32Array(3);
    await writeSafetensors(path, new Map([['a', { dtype: 'F32', shape: [3], data }]]));
    const before = await readFile(path);
    const wrong = new Map<string, TensorData>([
      ['a', { dtype: 'F32', shape: [3], data }],
      ['b', { dtype: 'F32', shape: [4], data }],
    ]);
    await expect(writeSafetensors(path, wrong)).rejects.toMatchObject({ code: 'bad-shape' });
    expect(await readFile(path)).toEqual(before);
    expect(await readdir(folder)).toEqual(['kept.safetensors']);
  });

  it('says that the folder is missing', async () => {
    const path = join(await temporaryFolder(), 'none', 'a.safetensors');
    await expect(writeSafetensors(path, new Map())).rejects.toMatchObject({ code: 'not-found' });
  });

  // /dev/full is the one place where a full disk can be had without privileges; Linux only.
  it.skipIf(!existsSync('/dev/full'))('says that the disk is full', async () => {
    const handle = await open('/dev/full', 'w');
    const tensors = new Map<string, TensorData>([
      ['a', { dtype: 'F32', shape: [3], data: new Float32Array(3) }],
    ]);
    const error = await writeTensors(handle, tensors, {}).catch((error: unknown) =>
      writeError(error, 'a.safetensors'),
    );
    await handle.close();
    expect(error).toMatchObject({ code: 'no-space' });
  });
});

function rounded(dtype: string, data: Float32Array): Float32Array {
  if (dtype === 'F16') return data.map((value) => halfToFloat(floatToHalf(value)));
  if (dtype === 'BF16') {
    return new Float32Array(Uint32Array.from(data, (value) => floatToBfloat(value) << 16).buffer);
  }
  return data;
}

function bytesOf(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The stored bytes of one tensor, found without the code under test. */
function storedBytes(file: Buffer, name: string): ArrayBuffer {
  const length = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    { data_offsets: number[] }
  >;
  const [start, end] = header[name].data_offsets;
  return new Uint8Array(file.subarray(8 + length + start, 8 + length + end)).buffer;
}
