/** The picture of the diffusion benchmark: accuracy over how many times fewer forwards, as SVG. */

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { type DecodingResult, type DiffusionResults, frontier, speedUp } from './results.ts';

const size = { width: 890, height: 460, marginTop: 34, marginRight: 270, marginBottom: 44, marginLeft: 56 };
const lineHeight = 15;
const leastSpeed = 0.95;
const colors = { plain: '#8a929c', method: '#1f5fa8', combination: '#c2702a' } as const;

/** Moves values apart to at least `gap`, keeping their order and, as far as the limits allow, their places. */
export function spread(
  values: readonly number[],
  gap: number,
  [low, high]: readonly [number, number],
): number[] {
  const order = [...values.keys()].sort((a, b) => values[b] - values[a]);
  const places = [...values];
  let ceiling = high;
  for (const index of order) {
    places[index] = Math.min(places[index], ceiling);
    ceiling = places[index] - gap;
  }
  let floor = low;
  for (const index of order.toReversed()) {
    places[index] = Math.max(places[index], floor);
    floor = places[index] + gap;
  }
  return places;
}

/** Round numbers of a logarithmic axis up to a limit. */
const ticks = [1, 2, 3, 5, 10, 20, 30, 50, 100];

interface Point {
  label: string;
  kind: keyof typeof colors;
  x: number;
  y: number;
  low: number;
  high: number;
}

/** The line through the points that no other beats: at each speed the most accurate one that is as fast. */
function frontierLine(points: readonly Point[]): Plot.Markish {
  const left = { ...points[0], x: leastSpeed };
  const options = { x: 'x', y: 'y', stroke: '#7fb08a', strokeWidth: 6, strokeOpacity: 0.35 };
  return Plot.line([left, ...points], { ...options, curve: 'step-before' });
}

/** A point for each decoding with its 95 % interval; names in bold are those that no other beats. */
export function diffusionPlot({ decodings }: Pick<DiffusionResults, 'decodings'>): string {
  const baseline = decodings[0].all;
  const pointOf = ({ label, kind, all }: DecodingResult): Point => ({
    ...{ label, kind, x: speedUp(all, baseline), y: 100 * all.accuracy },
    ...{ low: 100 * all.low, high: 100 * all.high },
  });
  // Lines to the names cross least in this order.
  const points = decodings.map(pointOf).sort((a, b) => b.y - a.y || b.x - a.x);
  const best = frontier(decodings).map(pointOf);
  const isBest = ({ label }: Point) => best.some((point) => point.label === label);
  const most = Math.max(...points.map(({ x }) => x)) * 1.1;
  const limits = [
    Math.floor(Math.min(...points.map(({ low }) => low)) - 1),
    Math.min(100, Math.ceil(Math.max(...points.map(({ high }) => high)) + 1)),
  ] as const;
  const perPixel = (limits[1] - limits[0]) / (size.height - size.marginTop - size.marginBottom);
  const places = spread(
    points.map(({ y }) => y),
    lineHeight * perPixel,
    limits,
  );
  const names = points.map((point, i) => ({ ...point, end: most * 1.06, place: places[i] }));
  const color = ({ kind }: Point) => colors[kind];
  const nameOptions = {
    x: 'end',
    y: 'place',
    text: 'label',
    fill: color,
    textAnchor: 'start',
    dx: 4,
  } as const;
  const { document } = parseHTML('<html><body></body></html>');
  const svg = Plot.plot({
    ...size,
    document,
    style: { fontSize: '12px', color: '#39414a', background: 'white' },
    x: {
      ...{ type: 'log', domain: [leastSpeed, most], label: 'times fewer forwards than one token a step' },
      ...{ ticks: ticks.filter((tick) => tick < most), tickFormat: (x: number) => `${x}x` },
      ...{ labelAnchor: 'center', labelArrow: 'none' },
    },
    y: { domain: limits, label: 'right answers, %', grid: true, labelArrow: 'none' },
    marks: [
      Plot.frame({ stroke: '#d5d9de' }),
      frontierLine(best),
      Plot.link(names, { x1: 'x', y1: 'y', x2: 'end', y2: 'place', stroke: '#c5cad1', strokeWidth: 0.8 }),
      Plot.ruleX(points, { x: 'x', y1: 'low', y2: 'high', stroke: color, strokeOpacity: 0.35 }),
      Plot.dot(points, { x: 'x', y: 'y', fill: color, r: 4.5 }),
      Plot.text(
        names.filter((name) => isBest(name)),
        { ...nameOptions, fontWeight: 'bold' },
      ),
      Plot.text(
        names.filter((name) => !isBest(name)),
        nameOptions,
      ),
    ],
  });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('role', 'img');
  svg.setAttribute(
    'aria-label',
    'Right answers of each decoding over how many times fewer forwards it takes',
  );
  return `${svg.outerHTML}\n`;
}
