/** The page of the training benchmark: hand-written words around the tables of one run. */

import { median } from '../engines/engine.ts';
import { loadWarning } from '../results.ts';
import { asMarkdown, type Table } from '../table.ts';
import { isTorch, trainEngines } from './engines.ts';
import { matrixWeights, stepOperations } from './flops.ts';
import {
  bestTorch,
  measurementOf,
  peakOf,
  productRates,
  ratesOf,
  rowsOf,
  shareOfOwnProduct,
  speedUp,
  type TrainEngineName,
  type TrainResults,
} from './results.ts';

const giga = (value: number) => (value / 1e9).toFixed(value < 1e10 ? 1 : 0);
const percent = (value: number) => `${(100 * value).toFixed(0)}%`;
const ms = (value: number) => value.toFixed(value < 100 ? 1 : 0);

const workNames = {
  gradients: 'forward and backward',
  adamw: 'step with AdamW',
  muon: 'step with Muon',
} as const;

const clockNames = {
  wall: 'wall time',
  cpu: "processor time of each engine's process, with one thread, as others were using the machine",
} as const;

/** Every measurement: time, speed, and the share of the peak. */
export function stepTable(results: TrainResults, name: 'step' | 'small'): Table {
  const peak = peakOf(results);
  const rows = results.measurements
    .filter(({ batches }) => batches === name)
    .map((measurement) => {
      const { engine, work, values } = measurement;
      const rates = ratesOf(results, measurement);
      const own = shareOfOwnProduct(results, measurement);
      const ratio = engine === 'quickstep' ? undefined : speedUp(results, engine, work, name);
      return [
        `${trainEngines[engine].label}: ${workNames[work]}`,
        `${ms(median(values))} (${ms(Math.min(...values))})`,
        rates.rows.toFixed(0),
        giga(rates.operations),
        percent(rates.operations / peak),
        own === undefined ? '' : percent(own),
        ratio === undefined ? '' : `${ratio.toFixed(2)}x`,
      ];
    });
  const title = name === 'step' ? 'One step of the recipe' : 'A small batch';
  const head = ['', 'ms', 'tokens/s', 'GFLOP/s', 'of the peak', 'of its own product', 'Quickstep is faster'];
  return { title: `${title}: ${rowsOf(results, name)} rows`, head, rows };
}

/** The products of the model, each against the square one. */
export function productTable(results: TrainResults): Table {
  const square = median(results.products.square);
  const rows = productRates(results).map(({ product: { label, m, k, n }, rate }) => [
    label,
    `${m} x ${k} x ${n}`,
    giga(rate),
    percent(rate / square),
  ]);
  const size = '2048 x 2048 x 2048';
  const { torch } = results.products;
  const squares = [
    ['square', size, giga(square), '100%'],
    ...(torch.length > 0
      ? [['square, by PyTorch', size, giga(median(torch)), percent(median(torch) / square)]]
      : []),
  ];
  return {
    title: 'Products through Quickstep',
    head: ['', 'm x k x n', 'GFLOP/s', 'of the square'],
    rows: [...squares, ...rows],
  };
}

/** The ratios that matter, as sentences. */
export function headlines(results: TrainResults): string[] {
  const lines: string[] = [];
  for (const work of ['gradients', 'adamw'] as const) {
    const torch = bestTorch(results, work);
    const ratio = torch && speedUp(results, torch, work, 'step');
    if (ratio)
      lines.push(
        `${workNames[work]}: ${ratio.toFixed(2)}x the speed of ${trainEngines[torch].label}, PyTorch's fastest`,
      );
  }
  for (const engine of ['jax-js', 'jax-js-threads'] as const) {
    const ratio = speedUp(results, engine, 'gradients', 'small');
    if (ratio)
      lines.push(
        `small batch, forward and backward: ${ratio.toFixed(1)}x the speed of ${trainEngines[engine].label}`,
      );
  }
  for (const engine of ['quickstep', bestTorch(results, 'gradients')] as const) {
    const measured = engine && measurementOf(results, engine, 'gradients', 'step');
    const share = measured && shareOfOwnProduct(results, measured);
    if (share)
      lines.push(
        `${trainEngines[engine].label}, forward and backward: ${percent(share)} of the speed of its own 2048 x 2048 product`,
      );
  }
  return lines;
}

/** Says why an engine is not in the run. */
function missing({ missing }: TrainResults): string {
  const lines = Object.entries(missing).map(
    ([engine, why]) =>
      `- ${trainEngines[engine as TrainEngineName].label} is not in this run: ${why.split('\n')[0]}`,
  );
  return lines.length > 0 ? `\n${lines.join('\n')}\n` : '';
}

/** Says that the machine was busy before the run, or changed its speed during it. */
function unsteady({ products: { square }, machine, clock }: TrainResults): string {
  const ratio = Math.max(...square) / Math.min(...square);
  const busy = clock === 'wall' ? loadWarning(machine.load[0]) : undefined;
  const warning = busy ? ` **${busy}**` : '';
  if (ratio < 1.25) return warning;
  return `${warning} **The machine was unsteady: its best round of square products was ${ratio.toFixed(1)}x its worst. Read ratios, not milliseconds.**`;
}

/** The whole page as Markdown. */
export function renderTrainReport(results: TrainResults): string {
  const { machine, model, threads, clock, batches, versions } = results;
  const shapes = batches.step.map(({ sequences, rows }) => `${sequences} x ${rows}`).join(' and ');
  const [small] = batches.small;
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const rounds = results.products.square.length;
  const torch = results.measurements.some(({ engine }) => isTorch(engine));
  return `# Training benchmarks

One training step of Quickstep against PyTorch on the CPU and jax-js, on one machine, with the same weights, batches
and optimizer, in one run. This page is made by \`npx tsx bench/train/report.ts\` from the newest \`train-*.json\` in
\`bench/results\`; no figure in it is typed by hand. \`npm run bench:train -- --python <path> --name <name>\`
makes such a file in about three minutes.

## Result

Medians of the ratios within each round.${unsteady(results)}

${headlines(results)
  .map((line) => `- ${line}`)
  .join('\n')}
${missing(results)}
## Conditions

| | |
| --- | --- |
| date | ${results.date.slice(0, 10)} |
| processor | ${machine.processor}, ${machine.cores} cores, ${machine.platform} |
| load average | ${machine.load.map((load) => load.toFixed(1)).join(', ')} (before, then after each round) |
| model | the house-causal recipe's: ${model.layers} layers of width ${model.hiddenSize}, feed-forward ${model.intermediateSize}, ${model.heads} heads, ${model.vocabSize} tokens |
| batches | ${shapes} rows, the two of one step, gradients added up; small: ${small.sequences} x ${small.rows} |
| threads | ${threads}${threads > 1 ? ' for every engine, but jax-js as Node.js runs it' : ' for every engine'} |
| time | ${clockNames[clock]} |
| rounds | ${rounds}, after two steps of warm-up |
| software | Node.js ${machine.node}, ${packages.join(', ')} |

## Figures

Milliseconds are the median over the rounds and, in brackets, the best round. The peak is the best round of a product
of 2048 x 2048 matrices through Quickstep's own \`Program\`, ${giga(peakOf(results))} GFLOP/s;
"of its own product" is the share of the same product as the engine itself computes it, in the same round.

${asMarkdown(stepTable(results, 'step'))}

${asMarkdown(stepTable(results, 'small'))}

${asMarkdown(productTable(results))}

## What is measured

- **Operations** of a step: 3 · Σ rows · (2 · weights + 4 · layers · heads · headDim · rows of a sequence), with
  ${(matrixWeights(model) / 1e6).toFixed(2)} million weights in matrices, the tied head once: two operations for each weight and row and both products of
  attention over all pairs of rows; backward twice the forward. Here ${giga(stepOperations(model, batches.step))} billion a step. Elementwise work, norms,
  softmax, gathers and the optimizer count as nothing, so a share of the peak is a share of the time in products at
  most.
- **Tokens/s** counts rows, padding included, as all engines compute it.
- **Same numbers.** All engines read one safetensors file and one file of batches, and their losses must agree to
  0.1% at every step, the ones after AdamW updates too.
- **A step** is forward, backward, the sum over its batches, the gradient's norm and clipping, and the optimizer.
  Muon is what the recipe uses; AdamW is what both sides have.
- **Interleaved.** Every engine is loaded in a process of its own and takes its turn in another order each round.
${
  torch
    ? `- **PyTorch** runs a model written for it, with its fused kernels: \`rms_norm\`, \`scaled_dot_product_attention\` and
  AdamW with \`fused=True\`; compiled with \`torch.compile\` once for each shape, where that was asked for. The fastest
  configuration is compared. Its products are MKL's, which keeps its AVX-512 kernels for Intel's processors: on another
  processor that has AVX-512 they run at the speed of AVX2, as the square product above shows, and that is most of
  the difference. Ratios on an Intel processor will be smaller.
`
    : ''
}- **jax-js** runs the same model under \`jit\` on its wasm backend. On Node.js it has one thread, as there is no global
  \`Worker\`; "with workers" is with one that the benchmark provides. The loss picks log probabilities with a one-hot
  product, as the gradient of \`takeAlongAxis\` fails under \`jit\` in this version.
`;
}
