/** Masks and positions against a reference that decides each (row, key) pair on its own, from the definition. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildRows, masked, type RowGroup, type RowOptions, RowScratch } from './rows.ts';
import { SlotCache } from './slot-cache.ts';

/** What each row may see: cached slots by number, new rows as `capacity + row`. */
function expectedKeys(groups: readonly RowGroup[], capacity: number, options: RowOptions) {
  const rows = groups.flatMap((group, index) =>
    Array.from({ length: group.rows }, (_, row) => ({ group, index, row })),
  );
  const parentOf = (group: RowGroup, row: number) => (group.parents ? group.parents[row] : row - 1);
  const depthOf = (group: RowGroup, row: number): number =>
    row < 0 ? -1 : depthOf(group, parentOf(group, row)) + 1;
  const isAncestor = (group: RowGroup, from: number, ancestor: number): boolean =>
    from === ancestor || (from >= 0 && isAncestor(group, parentOf(group, from), ancestor));
  const near = (a: number, b: number) => Math.abs(a - b) < (options.window ?? Number.POSITIVE_INFINITY);
  const positionOf = (group: RowGroup, row: number) =>
    (group.from ?? group.sequence.nextPosition) + depthOf(group, row);
  const mayFollow = options.attention === 'bidirectional';
  return rows.map(({ group, index, row }) => {
    const position = positionOf(group, row);
    const { slots, positions } = group.sequence;
    const cached = Array.from(slots).filter(
      (_, entry) => near(positions[entry], position) && (mayFollow || positions[entry] < position),
    );
    const fresh = rows.flatMap((other, flat) => {
      const related = mayFollow || isAncestor(group, row, other.row);
      const visible = other.index === index && related && near(positionOf(group, other.row), position);
      return visible ? [capacity + flat] : [];
    });
    return { position, keys: [...cached.sort((a, b) => a - b), ...fresh] };
  });
}

function visibleKeys(
  groups: readonly RowGroup[],
  capacity: number,
  options: RowOptions,
  scratch?: RowScratch,
) {
  const { rows, positions, bias } = buildRows(groups, capacity, options, scratch);
  const width = capacity + rows;
  expect([positions.length, bias.length]).toEqual([rows, rows * width]);
  return Array.from(positions, (position, row) => {
    const line = Array.from(bias.subarray(row * width, (row + 1) * width));
    expect(line.every((value) => value === 0 || value === masked)).toBe(true);
    return { position, keys: line.flatMap((value, key) => (value === 0 ? [key] : [])) };
  });
}

/** Some sequences with gaps, shared prefixes and interleaved slots, and groups of new rows behind them or in a gap. */
const scene = fc
  .record({
    sequences: fc.array(
      fc.record({
        fork: fc.boolean(),
        appended: fc.integer({ min: 0, max: 20 }),
        evicted: fc.array(fc.nat({ max: 19 }), { maxLength: 5 }),
        rows: fc.integer({ min: 1, max: 9 }),
        gap: fc.option(fc.nat({ max: 19 })),
        seeds: fc.option(fc.array(fc.nat(), { minLength: 9, maxLength: 9 })),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    window: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
    attention: fc.constantFrom<RowOptions['attention']>('causal', 'bidirectional'),
  })
  .map(({ sequences, window, attention }) => {
    const cache = new SlotCache();
    const groups: RowGroup[] = [];
    for (const { fork, appended, evicted, rows, gap, seeds } of sequences) {
      const last = groups.at(-1)?.sequence;
      const sequence = fork && last ? cache.fork(last) : cache.createSequence();
      cache.append(sequence, appended);
      cache.evict(
        sequence,
        evicted.filter((entry) => entry < sequence.length),
      );
      const from = gap ?? undefined;
      if (from !== undefined) {
        const within = Array.from(sequence.positions.keys()).filter((entry) => {
          const position = sequence.positions[entry];
          return position >= from && position < from + rows;
        });
        cache.evict(sequence, within);
      }
      const parents = seeds && Int32Array.from({ length: rows }, (_, row) => (seeds[row] % (row + 1)) - 1);
      const tree = attention === 'causal' ? (parents ?? undefined) : undefined;
      groups.push({ sequence, rows, from, parents: tree });
    }
    return { cache, groups, options: { attention, window } };
  });

describe('buildRows', () => {
  it('shows every row what the definition says, with a reused scratch', () => {
    const scratch = new RowScratch();
    fc.assert(
      fc.property(scene, ({ cache, groups, options }) => {
        const expected = expectedKeys(groups, cache.capacity, options);
        expect(visibleKeys(groups, cache.capacity, options, scratch)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('shows no row a slot of another sequence, unless a fork shares it', () => {
    const cache = new SlotCache();
    const prefix = cache.createSequence();
    cache.append(prefix, 3);
    const fork = cache.fork(prefix);
    const other = cache.createSequence();
    cache.append(other, 1);
    cache.append(fork, 1);
    const groups = [prefix, fork, other].map((sequence) => ({ sequence, rows: 1 }));
    expect(visibleKeys(groups, 64, { attention: 'causal' })).toEqual([
      { position: 3, keys: [0, 1, 2, 64] },
      { position: 4, keys: [0, 1, 2, 4, 65] },
      { position: 1, keys: [3, 66] },
    ]);
  });

  it('gives a tree shared positions and ancestor masks', () => {
    const cache = new SlotCache();
    const sequence = cache.createSequence();
    cache.append(sequence, 2);
    //  0 ─┬─ 1 ─── 3
    //     └─ 2 ─── 4
    const groups = [{ sequence, rows: 5, parents: Int32Array.of(-1, 0, 0, 1, 2) }];
    expect(visibleKeys(groups, 64, { attention: 'causal' })).toEqual([
      { position: 2, keys: [0, 1, 64] },
      { position: 3, keys: [0, 1, 64, 65] },
      { position: 3, keys: [0, 1, 64, 66] },
      { position: 4, keys: [0, 1, 64, 65, 67] },
      { position: 4, keys: [0, 1, 64, 66, 68] },
    ]);
  });

  it('reaches the last slot in every row when the cache is full', () => {
    const cache = new SlotCache();
    const sequence = cache.createSequence();
    cache.append(sequence, 64);
    const keys = visibleKeys([{ sequence, rows: 3 }], 64, { attention: 'causal' }).map(
      (row) => row.keys.length,
    );
    expect(keys).toEqual([65, 66, 67]);
  });

  it('puts rows into a gap, where only bidirectional ones see what lies behind it', () => {
    const cache = new SlotCache();
    const sequence = cache.createSequence();
    cache.append(sequence, 2);
    cache.skip(sequence, 2);
    cache.append(sequence, 1);
    const groups = [{ sequence, rows: 2, from: 2 }];
    expect(visibleKeys(groups, 64, { attention: 'bidirectional' })).toEqual([
      { position: 2, keys: [0, 1, 2, 64, 65] },
      { position: 3, keys: [0, 1, 2, 64, 65] },
    ]);
    expect(visibleKeys(groups, 64, { attention: 'causal' })).toEqual([
      { position: 2, keys: [0, 1, 64] },
      { position: 3, keys: [0, 1, 64, 65] },
    ]);
    expect(visibleKeys(groups, 64, { attention: 'bidirectional', window: 2 })).toEqual([
      { position: 2, keys: [1, 64, 65] },
      { position: 3, keys: [2, 64, 65] },
    ]);
  });

  it('runs a first chunk without any past', () => {
    const sequence = new SlotCache().createSequence();
    expect(visibleKeys([{ sequence, rows: 2 }], 0, { attention: 'causal' })).toEqual([
      { position: 0, keys: [0] },
      { position: 1, keys: [0, 1] },
    ]);
  });

  it('says where each group starts', () => {
    const cache = new SlotCache();
    const groups = [3, 1, 2].map((rows) => ({ sequence: cache.createSequence(), rows }));
    expect(buildRows(groups, 0, { attention: 'bidirectional' }).offsets).toEqual([0, 3, 4]);
  });

  it('reuses the scratch buffers', () => {
    const sequence = new SlotCache().createSequence();
    const scratch = new RowScratch();
    const first = buildRows([{ sequence, rows: 8 }], 0, { attention: 'causal' }, scratch);
    const second = buildRows([{ sequence, rows: 2 }], 0, { attention: 'causal' }, scratch);
    expect(second.bias.buffer).toBe(first.bias.buffer);
    expect(second.positions.buffer).toBe(first.positions.buffer);
  });

  it('lets each group say whether it sees what follows', () => {
    const cache = new SlotCache();
    const groups: RowGroup[] = [
      { sequence: cache.createSequence(), rows: 2, attention: 'bidirectional' },
      { sequence: cache.createSequence(), rows: 2 },
    ];
    const keys = visibleKeys(groups, 0, { attention: 'causal' }).map((row) => row.keys);
    expect(keys).toEqual([[0, 1], [0, 1], [2], [2, 3]]);
  });

  it('refuses trees that are none, empty work, cached positions and sequences that do not fit', () => {
    const cache = new SlotCache();
    const sequence = cache.createSequence();
    cache.append(sequence, 70);
    const code = (name: string) => expect.objectContaining({ code: name });
    const build = (group: Omit<RowGroup, 'sequence'>, options: RowOptions = { attention: 'causal' }) =>
      buildRows([{ sequence, ...group }], 128, options);
    for (const parents of [[0], [-2], [0.5], [Number.NaN], [], [-1, 0]]) {
      expect(() => build({ rows: 1, parents })).toThrow(code('bad-input'));
    }
    for (const from of [69, 0, -1, 0.5, Number.NaN])
      expect(() => build({ rows: 2, from })).toThrow(code('bad-input'));
    expect(build({ rows: 2, from: 90 }).positions).toEqual(Int32Array.of(90, 91));
    for (const rows of [0, -1, 1.5]) expect(() => build({ rows })).toThrow(code('bad-input'));
    expect(() => buildRows([], 128, { attention: 'causal' })).toThrow(code('bad-input'));
    expect(() => build({ rows: 1, parents: [-1] }, { attention: 'bidirectional' })).toThrow(
      code('bad-input'),
    );
    for (const window of [0, 1.5, Number.NaN]) {
      expect(() => build({ rows: 1 }, { attention: 'causal', window })).toThrow(code('bad-option'));
    }
    expect(() => buildRows([{ sequence, rows: 1 }], 64, { attention: 'causal' })).toThrow(code('bad-shape'));
    cache.free(sequence);
    expect(() => build({ rows: 1 })).toThrow(code('disposed'));
  });
});
