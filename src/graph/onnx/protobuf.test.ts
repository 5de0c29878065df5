import { describe, expect, it } from 'vitest';
import { MessageWriter } from './protobuf.ts';

/** Encoded fields in hexadecimal. */
function hex(build: (message: MessageWriter) => void): string {
  const message = new MessageWriter();
  build(message);
  return Buffer.from(message.finish()).toString('hex');
}

describe('MessageWriter', () => {
  // The first rows are the examples of the format's own guide.
  it.each<[string, (message: MessageWriter) => void, string]>([
    ['a varint of two bytes', (m) => m.int(1, 150), '089601'],
    ['a string', (m) => m.string(2, 'testing'), '120774657374696e67'],
    ['a message in a message', (m) => m.message(3, (inner) => inner.int(1, 150)), '1a03089601'],
    ['zero, written all the same', (m) => m.int(1, 0), '0800'],
    ['the last one-byte varint', (m) => m.int(1, 127), '087f'],
    ['the first two-byte varint', (m) => m.int(1, 128), '088001'],
    ['minus one in ten bytes', (m) => m.int(1, -1), '08ffffffffffffffffff01'],
    ['the smallest int64', (m) => m.int(1, -(2n ** 63n)), '0880808080808080808001'],
    ['the largest safe integer', (m) => m.int(1, Number.MAX_SAFE_INTEGER), '08ffffffffffffff0f'],
    ['a field number above 15', (m) => m.int(20, 7), 'a00107'],
    ['a float, little endian', (m) => m.float(2, 1.5), '150000c03f'],
    ['a negative float', (m) => m.float(2, -0.1), '15cdccccbd'],
    ['bytes, empty too', (m) => m.bytes(9, Uint8Array.of(0, 255)).bytes(9, new Uint8Array()), '4a0200ff4a00'],
    ['text in UTF-8', (m) => m.string(1, 'é€'), '0a05c3a9e282ac'],
    ['an empty message', (m) => m.message(1, () => {}), '0a00'],
  ])('%s', (_, build, bytes) => {
    expect(hex(build)).toBe(bytes);
  });

  it('writes the length of a long message as a varint', () => {
    expect(hex((m) => m.message(1, (inner) => inner.bytes(1, new Uint8Array(300)))).slice(0, 12)).toBe(
      '0aaf020aac02',
    );
  });
});
