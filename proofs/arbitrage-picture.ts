/**
 * The picture of the proof of arbitrage, docs/arbitrage.svg: right answers over forwards of the model,
 * from proofs/results/arbitrage.json.
 *   npx tsx proofs/arbitrage-picture.ts
 */

import { readFile, writeFile } from 'node:fs/promises';
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { z } from 'zod';

const result = new URL('./results/arbitrage.json', import.meta.url);
const picture = new URL('../docs/arbitrage.svg', import.meta.url);

const size = { width: 760, height: 440, marginTop: 24, marginRight: 30, marginBottom: 44, marginLeft: 56 };
const colors = { router: '#1f5fa8', RSD: '#c2702a', random: '#8a929c' } as const;

const resultSchema = z.object({
  seed: z.number(),
  samples: z.number(),
  measurements: z.array(
    z.object({
      label: z.string(),
      all: z.object({
        accuracy: z.number(),
        low: z.number(),
        high: z.number(),
        forwards: z.number(),
      }),
    }),
  ),
});

const { measurements, seed, samples } = resultSchema.parse(JSON.parse(await readFile(result, 'utf8')));

interface Point {
  label: string;
  x: number;
  y: number;
}

const points = measurements.map(
  ({ label, all }): Point => ({ label, x: all.forwards, y: 100 * all.accuracy }),
);
const named = (label: string): Point => {
  const point = points.find((one) => one.label === label);
  if (!point) throw new Error(`${result} has no ${label}`);
  return point;
};
// Nothing rewritten, and everything. The draft's own forwards are none of the model's.
const ends = [named('router 1'), named('router 0')];
const curves = (Object.keys(colors) as (keyof typeof colors)[]).map((name) => ({
  name,
  points: [...points.filter(({ label }) => label.startsWith(`${name} 0.`)), ...ends].sort(
    (a, b) => a.x - b.x,
  ),
}));
const marks = [
  { ...named('oracle'), text: 'oracle', dy: 16 },
  { ...named('token-level speculation'), text: 'token-level speculation', dy: -20 },
];
const [most, alone] = [Math.max(...[...ends, ...marks].map(({ x }) => x)), named('greedy')];
const lowest = Math.floor(Math.min(...points.map(({ y }) => y)) / 5) * 5;

const { document } = parseHTML('<html><body></body></html>');
const svg = Plot.plot({
  ...size,
  document,
  style: { fontSize: '12px', color: '#39414a', background: 'white' },
  x: {
    domain: [0, 1.1 * most],
    label: `forwards of house-causal an answer; alone it takes ${alone.x.toFixed(1)}`,
    ...{ labelAnchor: 'center', labelArrow: 'none' },
  },
  y: { domain: [lowest, 100], label: 'right answers, %', grid: true, labelArrow: 'none' },
  marks: [
    Plot.frame({ stroke: '#d5d9de' }),
    ...curves.flatMap(({ name, points }) => [
      Plot.line(points, { x: 'x', y: 'y', stroke: colors[name], strokeWidth: 2 }),
      Plot.dot(points.slice(1, -1), { x: 'x', y: 'y', fill: colors[name], r: 4 }),
      Plot.text(points.slice(1, -1), {
        ...{ x: 'x', y: 'y', text: ({ label }: Point) => label.split(' ')[1], fill: colors[name] },
        ...(name === 'router'
          ? { dx: -6, dy: -8, textAnchor: 'end' }
          : { dx: 6, dy: 10, textAnchor: 'start' }),
        fontSize: 10,
      }),
    ]),
    Plot.dot(ends, { x: 'x', y: 'y', fill: '#39414a', r: 4.5 }),
    Plot.text([{ ...ends[0], text: 'house-draft' }], {
      x: 'x',
      y: 'y',
      text: 'text',
      dx: 8,
      dy: 12,
      textAnchor: 'start',
    }),
    Plot.text([{ ...ends[1], text: 'all steps rewritten' }], {
      x: 'x',
      y: 'y',
      text: 'text',
      dy: 16,
      textAnchor: 'end',
    }),
    Plot.dot(marks, { x: 'x', y: 'y', stroke: '#3f7d4e', fill: 'white', strokeWidth: 2, r: 5 }),
    ...marks.map(({ dy, ...mark }) =>
      Plot.text([mark], { x: 'x', y: 'y', text: 'text', dy, dx: 4, textAnchor: 'start', fill: '#3f7d4e' }),
    ),
    Plot.text(
      curves.map(({ name }, i) => ({ name, x: 0.7 * most, y: lowest + 9 - 3 * i })),
      {
        ...{ x: 'x', y: 'y', textAnchor: 'start', fontWeight: 'bold' },
        text: ({ name }: { name: keyof typeof colors }) =>
          ({ router: 'Arbitrage, by threshold', RSD: 'RSD, by threshold', random: 'at random, by share' })[
            name
          ],
        fill: ({ name }: { name: keyof typeof colors }) => colors[name],
      },
    ),
  ],
});
svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
svg.setAttribute('role', 'img');
svg.setAttribute(
  'aria-label',
  `Right answers over forwards of the model; seed ${seed}, ${samples} problems a level`,
);
await writeFile(picture, `${svg.outerHTML}\n`);
