/**
 * Rows a second of a forward whose rows decode side by side in one lane, by rows and slots: where more rows no longer
 * pay is the token budget of a batch run.
 *   npx tsx bench/rows.ts smollm2 [slots,…]
 */

import { load } from '../src/models/index.ts';

const [id = 'house-causal', slotList = '0,512,1024,2048'] = process.argv.slice(2);
const repeats = 5;
const chunk = 128;

await using model = await load(id, { threads: 1 });
const token = (i: number) => (i * 7) % model.config.vocabSize;
const header = [1, 2, 4, 8, 16, 32, 64, 128, 256];
console.log(`${id}, w8a8, one thread: best of ${repeats}, rows a second`);
console.log(['slots', ...header].map((cell) => String(cell).padStart(7)).join(''));
for (const slots of slotList.split(',').map(Number)) {
  const cache = model.newCache();
  // Sequences of equal length within the context, so that each row sees a part of the slots, as in a batch.
  const length = Math.min(slots, Math.floor(model.config.contextLength / 2));
  const sequences = Array.from({ length: slots && Math.ceil(slots / length) }, () =>
    cache.slots.createSequence(),
  );
  for (const sequence of sequences) {
    while (sequence.length < length) {
      const rows = [...Array(Math.min(chunk, length - sequence.length)).keys()];
      const group = { sequence, tokens: rows.map((row) => token(sequence.length + row)), scored: [] };
      const { newRows } = await model.forward(cache, [group]);
      cache.commit(sequence, newRows, rows);
    }
  }
  const rates: number[] = [];
  for (const rows of header) {
    const forks = Array.from({ length: rows }, (_, i) =>
      slots ? cache.slots.fork(sequences[i % sequences.length]) : cache.slots.createSequence(),
    );
    const groups = forks.map((sequence, i) => ({ sequence, tokens: [token(i)], scored: [0] }));
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i <= repeats; i++) {
      const started = performance.now();
      await model.forward(cache, groups);
      if (i > 0) best = Math.min(best, performance.now() - started);
    }
    for (const fork of forks) cache.slots.free(fork);
    rates.push((rows * 1000) / best);
  }
  console.log(
    [slots, ...rates.map((rate) => rate.toFixed(0))].map((cell) => String(cell).padStart(7)).join(''),
  );
}
