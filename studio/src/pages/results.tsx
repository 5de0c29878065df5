/** What was measured, from the checked-in results of the proofs and the benchmark. */

import papers from 'catalogue:papers';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { accuracyAxis, axisMargins, forwardsAxis } from '../charts/axes.ts';
import { Chart, type PlotLibrary } from '../charts/chart.tsx';
import { accent, ink, laneColors, line, muted } from '../charts/colors.ts';
import {
  allProofs,
  type DecodingPoint,
  type DiffusionBenchmark,
  diffusionBenchmark,
  gainOf,
  type ProofResult,
  pointOf,
  savesForwards,
} from '../charts/proofs.ts';
import { Scroll } from '../scroll.tsx';

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const titleOf = (slug: string): string => papers.find((paper) => paper.slug === slug)?.method ?? slug;

function SpeedUps({ proofs }: { proofs: ProofResult[] }) {
  const draw = useCallback(
    (plot: PlotLibrary) => {
      const bars = proofs.map(({ slug, ratio, threshold, holds }) => ({
        name: titleOf(slug),
        ratio,
        threshold,
        verdict: holds ? 'holds' : 'does not hold',
      }));
      return {
        height: 60 + 32 * bars.length,
        marginBottom: 44,
        marginLeft: 130,
        marginRight: 48,
        x: {
          label: 'times fewer forwards than its baseline',
          labelOffset: 38,
          domain: [0, Math.max(...bars.map(({ ratio }) => ratio)) * 1.05],
        },
        y: { label: null, domain: bars.map(({ name }) => name) },
        color: { domain: ['holds', 'does not hold'], range: [accent, muted], legend: true },
        marks: [
          plot.barX(bars, { x: 'ratio', y: 'name', fill: 'verdict', insetTop: 4, insetBottom: 4, rx: 2 }),
          plot.tickX(bars, { x: 'threshold', y: 'name', stroke: ink, strokeWidth: 2 }),
          plot.text(bars, {
            x: 'ratio',
            y: 'name',
            text: (bar: { ratio: number }) => `${number.format(bar.ratio)}×`,
            dx: 6,
            textAnchor: 'start',
            fill: ink,
          }),
        ],
      };
    },
    [proofs],
  );
  const said = proofs.map(({ slug, ratio }) => `${titleOf(slug)} ${number.format(ratio)} times`);
  return <Chart label={`Fewer forwards than the baseline: ${said.join(', ')}.`} draw={draw} />;
}

/** The points that no other beats in both. */
const best = (points: DecodingPoint[]): DecodingPoint[] =>
  points
    .filter((one) => !points.some((other) => other.forwards < one.forwards && other.accuracy >= one.accuracy))
    .sort((a, b) => b.forwards - a.forwards);

function Pareto({ benchmark }: { benchmark: DiffusionBenchmark }) {
  const draw = useCallback(
    (plot: PlotLibrary, width: number) => {
      const points = benchmark.decodings.map(pointOf);
      const position = { x: 'forwards', y: (point: DecodingPoint) => 100 * point.accuracy };
      const frontier = best(points);
      return {
        height: Math.min(440, Math.max(300, width * 0.5)),
        ...axisMargins,
        x: forwardsAxis,
        y: { ...accuracyAxis, insetBottom: 14 },
        color: { domain: ['plain', 'method', 'combination'], range: [muted, ...laneColors()], legend: true },
        marks: [
          plot.line(frontier, { ...position, stroke: line, strokeWidth: 6, curve: 'step-before' }),
          plot.dot(points, {
            ...position,
            fill: 'kind',
            r: 5,
            title: (point: DecodingPoint) =>
              `${point.label}: ${number.format(point.forwards)} forwards, ${number.format(100 * point.accuracy)}% right`,
          }),
          plot.tip(
            points,
            plot.pointer({
              ...position,
              title: (point: DecodingPoint) =>
                `${point.label}\n${number.format(point.forwards)} forwards\n${number.format(100 * point.accuracy)}% right`,
              fill: 'var(--surface)',
            }),
          ),
        ],
      };
    },
    [benchmark],
  );
  const frontier = best(benchmark.decodings.map(pointOf)).map(({ label }) => label);
  return (
    <Chart
      label={`Right answers over forwards. No other decoding beats ${frontier.join(', ')}.`}
      draw={draw}
    />
  );
}

function ParetoTable({ benchmark }: { benchmark: DiffusionBenchmark }) {
  const points = benchmark.decodings.map(pointOf);
  const frontier = new Set(best(points).map(({ label }) => label));
  return (
    <details>
      <summary>All {points.length} decodings as a table</summary>
      <Scroll label="Decodings">
        <table>
          <thead>
            <tr>
              <th scope="col">Decoding</th>
              <th scope="col">Forwards</th>
              <th scope="col">Right</th>
              <th scope="col">Unbeaten</th>
            </tr>
          </thead>
          <tbody>
            {points
              .toSorted((a, b) => a.forwards - b.forwards)
              .map(({ label, forwards, accuracy }) => (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  <td>{number.format(forwards)}</td>
                  <td>{number.format(100 * accuracy)}%</td>
                  <td>{frontier.has(label) ? 'yes' : ''}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}

export function ResultsPage() {
  const [proofs, setProofs] = useState<ProofResult[]>();
  const [benchmark, setBenchmark] = useState<DiffusionBenchmark>();
  useEffect(() => {
    allProofs().then((found) => setProofs(found.sort((a, b) => b.ratio - a.ratio)));
    diffusionBenchmark().then(setBenchmark);
  }, []);
  return (
    <>
      <div class="head">
        <h1>Results</h1>
        <p class="lead">Drawn from what the proofs and the benchmark wrote; no figure is typed by hand.</p>
      </div>
      <section>
        <h2>How many forwards are saved</h2>
        <p>
          The bar is what was measured, the mark what the proof asked for. Every proof also has conditions on
          accuracy.
        </p>
        {proofs && <SpeedUps proofs={proofs.filter(savesForwards)} />}
      </section>
      <section>
        <h2>What else is gained</h2>
        <ul>
          {proofs
            ?.filter((proof) => !savesForwards(proof))
            .map((proof) => (
              <li key={proof.slug}>
                <a href={`#/papers/${proof.slug}`}>{titleOf(proof.slug)}</a>: {number.format(proof.ratio)}{' '}
                {gainOf(proof)}, {number.format(proof.threshold)} asked
              </li>
            ))}
        </ul>
      </section>
      <section>
        <h2>Accuracy against speed</h2>
        {benchmark && (
          <>
            <p>
              Diffusion decodings of house-diffusion, {benchmark.samples} problems of each task, seed{' '}
              {benchmark.seed}. Up and to the right is better; the band joins what nothing else beats.
            </p>
            <Pareto benchmark={benchmark} />
            <ParetoTable benchmark={benchmark} />
          </>
        )}
      </section>
    </>
  );
}
