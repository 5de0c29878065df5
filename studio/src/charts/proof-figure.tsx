/** What a paper's proof found: every decoding of it as a point, the bars it had to reach, and its tables. */

import { useCallback, useEffect, useState } from 'preact/hooks';
import { Scroll } from '../scroll.tsx';
import { accuracyAxis, axisMargins, forwardsAxis } from './axes.ts';
import { Chart, type PlotLibrary } from './chart.tsx';
import { accent, ink, muted } from './colors.ts';
import { gainOf, type ProofResult, pointOf, proofOf } from './proofs.ts';

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
const show = (value: string | number): string => (typeof value === 'number' ? number.format(value) : value);

function Points({ proof }: { proof: ProofResult }) {
  // The first is the baseline, the second what is proven.
  const all = proof.measurements.map((measurement, index) => ({
    ...pointOf(measurement),
    role: index === 0 ? 'baseline' : index === 1 ? 'the method' : 'for comparison',
  }));
  // Answers without a forward have no place on a logarithmic axis.
  const points = all.filter(({ forwards }) => forwards > 0);
  const draw = useCallback(
    (plot: PlotLibrary, width: number) => {
      const position = { x: 'forwards', y: (point: { accuracy: number }) => 100 * point.accuracy };
      const name = {
        text: 'label',
        dy: -16,
        fill: 'role',
        fontWeight: 600,
        stroke: 'var(--paper)',
        strokeWidth: 4,
      } as const;
      return {
        height: Math.min(360, Math.max(260, width * 0.45)),
        ...axisMargins,
        x: forwardsAxis,
        y: { ...accuracyAxis, inset: 12 },
        color: {
          domain: ['baseline', 'the method', 'for comparison'],
          range: [ink, accent, muted],
          legend: true,
        },
        marks: [
          plot.dot(points, {
            ...position,
            fill: 'role',
            fillOpacity: (point: { role: string }) => (point.role === 'for comparison' ? 0.45 : 1),
            r: (point: { role: string }) => (point.role === 'for comparison' ? 4 : 7),
            title: (point: { label: string; forwards: number; accuracy: number }) =>
              `${point.label}: ${number.format(point.forwards)} forwards, ${number.format(100 * point.accuracy)}% right`,
          }),
          plot.text(points.slice(0, 1), { ...position, ...name, textAnchor: 'start', dx: -6 }),
          plot.text(points.slice(1, 2), { ...position, ...name, textAnchor: 'end', dx: 6 }),
        ],
        r: { type: 'identity' as const },
        opacity: { type: 'identity' as const },
      };
    },
    [proof],
  );
  const said = points.map(
    ({ label, forwards, accuracy }) =>
      `${label}: ${number.format(forwards)} forwards, ${number.format(100 * accuracy)}% right`,
  );
  return <Chart label={`Right answers over forwards. ${said.slice(0, 2).join('. ')}.`} draw={draw} />;
}

export function ProofFigure({ slug }: { slug: string }) {
  const [proof, setProof] = useState<ProofResult>();
  useEffect(() => {
    let here = true;
    proofOf(slug)?.then((found) => here && setProof(found));
    return () => {
      here = false;
    };
  }, [slug]);
  if (!proof) return null;
  const { claim, ratio, threshold, holds, model, seed, samples, conditions, figures, measurements } = proof;
  return (
    <section class="proof">
      <h2>Its proof here</h2>
      <p>{claim}</p>
      <p class="verdict">
        <strong class={holds ? 'holds' : 'fails'}>{holds ? 'Holds' : 'Does not hold'}</strong>
        <span>
          {number.format(ratio)} {gainOf(proof)}, {number.format(threshold)} asked; {model}, {samples}{' '}
          problems a task, seed {seed}
        </span>
      </p>
      {measurements.length > 0 && <Points proof={proof} />}
      <ul class="conditions">
        {conditions.map(({ text, unit, value, bar, holds }) => {
          const scale = unit === 'points' ? 100 : 1;
          return (
            <li key={text}>
              <span class={holds ? 'holds' : 'fails'}>{holds ? 'met' : 'missed'}</span> {text}:{' '}
              {number.format(scale * value)} against {number.format(scale * bar)} {unit}
            </li>
          );
        })}
      </ul>
      {figures.map(({ title, head, rows }) => (
        <Scroll label={title} key={title}>
          <table>
            <caption>{title}</caption>
            <thead>
              <tr>
                {head.map((cell, index) => (
                  <th scope="col" key={index}>
                    {cell}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, index) => (
                <tr key={index}>
                  {row.map((cell, column) => (
                    <td key={column}>{show(cell)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      ))}
    </section>
  );
}
