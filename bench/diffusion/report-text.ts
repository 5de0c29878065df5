/** The page of the diffusion benchmark: hand-written words around the tables of one run. */

import { loadWarning } from '../results.ts';
import { asMarkdown, type Table } from '../table.ts';
import {
  type DecodingResult,
  type DiffusionResults,
  frontier,
  speedUp,
  type TotalsResult,
} from './results.ts';

/** Name of the picture beside the page. */
export const pictureName = 'benchmarks-diffusion.svg';

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
const points = (difference: number) => `${difference > 0 ? '+' : ''}${(100 * difference).toFixed(1)}`;
const taskName = ({ task, level }: { task: string; level: number }) => `${task} ${level}`;

const head = [
  '',
  'right',
  'points (95% interval)',
  'steps',
  'forwards',
  'fewer',
  'rows',
  'tokens/forward',
  'ms an answer',
  'faster',
];

function row(label: string, ours: TotalsResult, baseline: TotalsResult): string[] {
  const { against } = ours;
  const isBaseline = ours === baseline;
  return [
    label,
    percent(ours.accuracy),
    isBaseline ? '' : `${points(against.difference)} (${points(against.low)} to ${points(against.high)})`,
    ours.steps.toFixed(2),
    ours.forwards.toFixed(2),
    isBaseline ? '' : `${speedUp(ours, baseline).toFixed(2)}x`,
    ours.rows.toFixed(0),
    ours.tokensPerForward.toFixed(2),
    ((1000 * ours.seconds) / ours.samples).toFixed(1),
    isBaseline ? '' : `${(baseline.seconds / ours.seconds).toFixed(2)}x`,
  ];
}

function table(
  title: string,
  decodings: readonly DecodingResult[],
  of: (one: DecodingResult) => TotalsResult,
) {
  return { title, head, rows: decodings.map((one) => row(one.label, of(one), of(decodings[0]))) };
}

/** All tasks together, then each by itself. */
export function diffusionTables({ decodings, tasks, samples }: DiffusionResults): Table[] {
  const all = `All tasks: ${samples * tasks.length} problems`;
  return [
    table(all, decodings, (one) => one.all),
    ...tasks.map((task, t) =>
      table(`${taskName(task)}: a canvas of ${task.maxTokens}`, decodings, (one) => one.tasks[t]),
    ),
  ];
}

/** Options of each decoding that are not the method's defaults. */
function optionTable({ decodings, tasks }: DiffusionResults): Table {
  const written = (options: Readonly<Record<string, unknown>>) =>
    Object.entries(options)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', ');
  const rows = decodings.map(({ label, method, tasks: all }) => {
    const texts = all.map(({ options }) => written(options));
    const isOne = new Set(texts).size === 1;
    const text = isOne ? texts[0] : texts.map((one, t) => `${taskName(tasks[t])}: ${one}`).join('; ');
    return [label, method, text];
  });
  return { title: 'Options', head: ['', 'method', 'options'], rows };
}

function conditions({
  date,
  machine,
  threads,
  models,
  precision,
  seed,
  samples,
  batch,
  tasks,
}: DiffusionResults): string {
  const [before, after] = machine.load.map((load) => load.toFixed(1));
  return `| | |
| --- | --- |
| date | ${date.slice(0, 10)} |
| processor | ${machine.processor}, ${machine.cores} cores, ${machine.platform} |
| load average | ${before} before, ${after} after; the run itself makes ${threads} |
| models | ${models.map(({ id, digest }) => `${id}, weights ${digest}`).join('; ')}; ${precision} |
| problems | ${samples} unseen ones each of ${tasks.map(taskName).join(', ')}; seed ${seed} |
| threads, batch | ${threads}, ${batch} problems at once |
| software | Node.js ${machine.node} |`;
}

/** The whole page as Markdown. */
export function renderDiffusionReport(results: DiffusionResults): string {
  const { decodings, machine } = results;
  const busy = loadWarning(machine.load[0]);
  const best = frontier(decodings).map(
    ({ label, all }) =>
      `- ${label}: ${percent(all.accuracy)} right in ${all.forwards.toFixed(2)} forwards an answer`,
  );
  return `# Diffusion benchmarks

Every canvas method on the same unseen problems: how often it is right, in how many forwards, in what time. This page and
its picture are made by \`npx tsx bench/diffusion/report.ts\` from the newest \`diffusion-*.json\` in \`bench/results\`; no
figure in it is typed by hand. \`npm run bench:diffusion -- --name <name>\` makes such a file.

## Result

![Right answers over how many times fewer forwards each decoding takes than one token a step](${pictureName})

Grey are plain schedules and thresholds, blue the methods of papers, orange combinations; bars are 95% intervals. Along the
green line, in bold, nothing is more accurate in as few forwards:

${best.join('\n')}

Intervals of the accuracies overlap more than those of the differences, which are taken problem by problem: see the tables.${busy ? `\n**${busy}** Its times are for orientation; forwards do not depend on it.` : ''}

## Conditions

${conditions(results)}

## Figures

Steps, forwards, rows run through the model and time are means over the answers. "Points" is the accuracy less that of one token a step on the same
problems; "fewer" and "faster" are its forwards and its time over the decoding's. Tokens per forward count the answer with
its end token, no padding.

${[...diffusionTables(results), optionTable(results)].map(asMarkdown).join('\n\n')}

## What is measured

- **Forwards** of runs that share a forward count once for each run, so they do not depend on the batch. A forward of
  \`freedave\` scores several canvases and costs accordingly.
- **Time** is wall time of decoding in batches: a batch goes on until its last answer is done, so a method whose answers
  take unequal forwards gains less time than forwards.
- **Interleaved.** On each batch of problems every decoding takes its turn, and who begins changes, so that a machine that
  slows down slows all of them.
- **Options** are those of the proofs (\`quickstep prove\`), fixed in \`src/proofs\`, or a method's defaults where there is no
  proof; none was chosen on these problems.
`;
}
