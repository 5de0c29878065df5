/** The picture of the speculative benchmark: speed over our greedy decoding, by task, as SVG. */

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { type SpeculativeResults, summarize, tasksOf } from './results.ts';

const size = { width: 890, height: 452, marginTop: 102, marginBottom: 44, marginLeft: 50 };
const colors = [
  '#8a929c',
  '#6fa3d8',
  '#1f5fa8',
  '#0e3a6b',
  '#d9a066',
  '#c2702a',
  '#b79fd0',
  '#7a5ba6',
  '#7fb08a',
  '#4b7d57',
];

/** A group of bars for all questions, and for each task. */
export function speculativePlot(results: SpeculativeResults): string {
  const { systems, questions } = results;
  const groups = [
    { name: 'all', own: questions },
    ...tasksOf(results).map((task) => ({ name: task, own: questions.filter((one) => one.task === task) })),
  ];
  const bars = groups.flatMap(({ name, own }) =>
    systems.map(({ label }, system) => ({
      name,
      label,
      speed: summarize(own, system).rate / summarize(own, 0).rate,
    })),
  );
  const { document } = parseHTML('<html><body></body></html>');
  const labels = systems.map(({ label }) => label);
  const svg = Plot.plot({
    ...size,
    document,
    style: { fontSize: '12px', color: '#39414a', background: 'white' },
    fx: { domain: groups.map(({ name }) => name), label: null, padding: 0.15 },
    x: { domain: labels, axis: null },
    y: { label: 'speed over our greedy decoding', grid: true, labelArrow: 'none' },
    color: { domain: labels, range: colors.slice(0, labels.length) },
    marks: [
      Plot.barY(bars, { fx: 'name', x: 'label', y: 'speed', fill: 'label' }),
      Plot.ruleY([1], { stroke: '#39414a' }),
    ],
  });
  const height = 16;
  // The legend of the library is HTML; the picture is one SVG.
  const legend = labels.map((label, i) => {
    const [x, y] = [50 + (i % 3) * 270, 26 + Math.floor(i / 3) * height];
    return `<rect x="${x}" y="${y}" width="10" height="10" fill="${colors[i]}"></rect><text x="${x + 15}" y="${y + 9}" text-anchor="start" fill="#39414a">${label}</text>`;
  });
  svg.insertAdjacentHTML('beforeend', legend.join(''));
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', 'Speed of each system over our greedy decoding, by task');
  return `${svg.outerHTML}\n`;
}
