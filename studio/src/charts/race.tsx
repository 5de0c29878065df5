/** How the answers grew: committed tokens over forwards, a line for each method. */

import { useCallback } from 'preact/hooks';
import type { Step } from '../../../src/decode/step.ts';
import { Chart, type PlotLibrary } from './chart.tsx';
import { laneColors } from './colors.ts';

interface RaceLane {
  label: string;
  steps: readonly Step[];
}

/** Tokens after each step, over the forwards spent. */
function points({ label, steps }: RaceLane) {
  let [forwards, tokens] = [0, 0];
  const grown = steps.map((step) => {
    forwards += step.forwards;
    tokens += step.committed.length;
    return { label, forwards, tokens };
  });
  return [{ label, forwards: 0, tokens: 0 }, ...grown];
}

export function Race({ lanes }: { lanes: RaceLane[] }) {
  const draw = useCallback(
    (plot: PlotLibrary, width: number) => {
      const all = lanes.flatMap(points);
      const ends = lanes.map((lane) => points(lane).at(-1)!);
      return {
        height: Math.min(300, width * 0.6),
        marginRight: 24,
        marginBottom: 44,
        color: { domain: lanes.map(({ label }) => label), range: laneColors(), legend: true },
        x: { label: 'forwards', labelOffset: 38 },
        y: { label: 'tokens', grid: true },
        marks: [
          plot.line(all, {
            x: 'forwards',
            y: 'tokens',
            stroke: 'label',
            strokeWidth: 2,
            curve: 'step-after',
          }),
          plot.dot(ends, { x: 'forwards', y: 'tokens', fill: 'label', r: 4 }),
        ],
      };
    },
    lanes.flatMap(({ label, steps }) => [label, steps]),
  );
  const said = lanes.map((lane) => {
    const { label, forwards, tokens } = points(lane).at(-1)!;
    return `${label}: ${tokens} tokens after ${forwards} forwards`;
  });
  return (
    <section class="race">
      <h2>The race</h2>
      <Chart label={`Tokens over forwards. ${said.join('. ')}.`} draw={draw} />
    </section>
  );
}
