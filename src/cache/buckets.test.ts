import { describe, expect, it } from 'vitest';
import { bucketOf } from './buckets.ts';

describe('bucketOf', () => {
  it('holds the slots, in multiples of 32, without wasting a step', () => {
    let previous = 0;
    for (let slots = 0; slots <= 9000; slots += 7) {
      const capacity = bucketOf(slots);
      expect(capacity).toBeGreaterThanOrEqual(slots);
      expect(capacity % 32).toBe(0);
      expect(capacity - slots).toBeLessThan(
        slots <= 512 ? 32 : slots <= 1024 ? 64 : slots <= 4096 ? 128 : 256,
      );
      expect(capacity).toBeGreaterThanOrEqual(previous);
      previous = capacity;
    }
  });

  it('leaves an empty cache without slots, and changes step where the table says', () => {
    expect([0, 1, 32, 33, 512, 513, 1024, 1025, 4096, 4097].map(bucketOf)).toEqual([
      0, 32, 32, 64, 512, 576, 1024, 1152, 4096, 4352,
    ]);
  });
});
