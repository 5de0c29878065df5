/** The page of the speculative benchmark: hand-written words around the tables of one run. */

import { loadWarning } from '../results.ts';
import { asMarkdown, type Table } from '../table.ts';
import { type SpeculativeResults, type Summary, summarize, tasksOf } from './results.ts';

/** Name of the picture beside the page. */
export const pictureName = 'benchmarks-speculative.svg';

const times = (ratio: number) => `${ratio.toFixed(2)}x`;
const percent = (share: number) => `${(100 * share).toFixed(0)}%`;

/** Each system over all questions. */
function overview({ systems, questions }: SpeculativeResults): Table {
  const summaries = systems.map((_, system) => summarize(questions, system));
  const llama = systems.findIndex(({ label }) => label.startsWith('llama.cpp'));
  const row = (one: Summary, system: number) => [
    systems[system].label,
    one.tokensPerForward?.toFixed(2) ?? '',
    one.rate.toFixed(1),
    times(one.rate / summaries[0].rate),
    llama < 0 ? '' : times(one.rate / summaries[llama].rate),
    times(one.decodeRate / summaries[0].decodeRate),
    systems[system].lossless ? `${one.same} of ${questions.length}` : '',
  ];
  return {
    title: 'All questions',
    head: [
      '',
      'tokens/forward',
      'tokens/s',
      'over greedy',
      'over llama.cpp',
      'decoding alone',
      'same answers',
    ],
    rows: summaries.map(row),
  };
}

/** A table of tasks. */
function byTask(
  { systems, questions }: SpeculativeResults,
  title: string,
  cell: (summary: Summary, baseline: Summary) => string,
): Table {
  const tasks = tasksOf({ questions });
  const of = (task: string, system: number) =>
    summarize(
      questions.filter((question) => question.task === task),
      system,
    );
  return {
    title,
    head: ['', ...tasks],
    rows: systems.map(({ label }, system) => [
      label,
      ...tasks.map((task) => cell(of(task, system), of(task, 0))),
    ]),
  };
}

/** How often a drafted place was right, given that those before it were. */
function acceptance({ systems, questions }: SpeculativeResults): Table {
  const drafting = systems
    .map(({ label }, system) => ({ label, acceptance: summarize(questions, system).acceptance }))
    .filter((one) => one.acceptance.length > 0);
  const most = Math.min(8, Math.max(0, ...drafting.map((one) => one.acceptance.length)));
  return {
    title: 'Right places by level, those before being right',
    head: ['', ...Array.from({ length: most }, (_, level) => String(level + 1))],
    rows: drafting.map((one) => [
      one.label,
      ...Array.from({ length: most }, (_, level) =>
        one.acceptance[level] === undefined ? '' : percent(one.acceptance[level]),
      ),
    ]),
  };
}

export function speculativeTables(results: SpeculativeResults): Table[] {
  return [
    overview(results),
    byTask(results, 'Speed over our greedy decoding, by task', (one, greedy) =>
      times(one.rate / greedy.rate),
    ),
    byTask(results, 'Tokens for each forward, by task', (one) => one.tokensPerForward?.toFixed(2) ?? ''),
    acceptance(results),
  ];
}

function conditions({
  date,
  machine,
  threads,
  model,
  maxTokens,
  seed,
  note,
  versions,
  questions,
}: SpeculativeResults) {
  const [before, after] = machine.load.map((load) => load.toFixed(1));
  const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `| | |
| --- | --- |
| date | ${date.slice(0, 10)} |
| processor | ${machine.processor}, ${machine.cores} cores, ${machine.platform} |
| load average | ${before} before, ${after} after; the run itself makes ${threads} |
| model | ${model}: ours in w8a8, llama.cpp's in Q8_0, both from the same file |
| questions | ${questions.length} of Spec-Bench, the first turn of each, in the chat template; seed ${seed} |
| answers | greedy, at most ${maxTokens} tokens |
| threads | ${threads} |${note ? `\n| note | ${note} |` : ''}
| software | Node.js ${machine.node}, ${software.join(', ')} |`;
}

/** A run in one table, for machines and lengths other than the page's own. */
function otherRun(results: SpeculativeResults): string {
  const { machine, maxTokens, questions, threads, date, note } = results;
  const run = `${machine.processor}, answers up to ${maxTokens} tokens, ${questions.length} questions, ${threads} threads, ${date.slice(0, 10)}`;
  const [all, ...byTask] = speculativeTables(results).slice(0, 3);
  const tables = [
    asMarkdown({ ...all, title: run }),
    ...byTask.map((table) => asMarkdown({ ...table, title: `${table.title}, in that run` })),
  ];
  return [tables[0], ...(note ? [note] : []), ...tables.slice(1)].join('\n\n');
}

/**
 * The whole page as Markdown.
 * @param others Runs on other machines or with other lengths, told in short.
 */
export function renderSpeculativeReport(
  results: SpeculativeResults,
  others: readonly SpeculativeResults[] = [],
): string {
  const busy = loadWarning(results.machine.load[0]);
  return `# Speculative benchmarks

Drafts for SmolLM2 against decoding one token at a time: how many tokens a forward gives, and what that is worth in wall
time. This page and its picture are made by \`npx tsx bench/speculative/report.ts\` from \`speculative-*.json\` in
\`bench/results\`; no figure in it is typed by hand. \`npm run bench:speculative -- --name <name>\` makes such a file; it needs
Spec-Bench's questions (\`--data\`), on which nothing was trained or chosen.

![Speed of each system over our greedy decoding, by task](${pictureName})
${busy ? `\n**${busy}** Times are for orientation; tokens for each forward do not depend on it.\n` : ''}
## Conditions

${conditions(results)}

## Figures

${speculativeTables(results).map(asMarkdown).join('\n\n')}

${
  others.length > 0
    ? `## Other runs

${others.map(otherRun).join('\n\n')}

`
    : ''
}## What is measured

- **tokens/forward**: tokens of the answers for each forward of the model, that of the prompt and the token it gives left
  out. 1 without drafts.
- **tokens/s**: mean over the questions of tokens by wall time, the reading of the prompt included, as Spec-Bench has it;
  "decoding alone" is the same without the time to the first token.
- **same answers**: those of our greedy decoding, token for token. llama.cpp rounds otherwise, so its answers are its own.
- **Lengths.** In longer answers more can be looked up; the reading of the prompt weighs less.
- **Interleaved.** Every question goes to each system in turn, and who begins changes; each engine has one process with one
  loaded model. Ratios, not times, are to be compared between machines.
`;
}
