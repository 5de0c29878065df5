/** The page of the constrained benchmark: hand-written words around the tables of one run. */

import { loadWarning } from '../results.ts';
import { asMarkdown, type Table } from '../table.ts';
import { type ConstrainedResults, type engines, type measures, medianOf } from './results.ts';

type Engine = (typeof engines)[number];
type Measure = (typeof measures)[number];

const shown = (value: number | undefined, digits: number) => value?.toFixed(digits) ?? '';

export function constrainedTables(results: ConstrainedResults): Table[] {
  const names = [...new Set(results.measurements.map((one) => one.case))];
  const ms = (engine: Engine, name: string, measure: Measure) => medianOf(results, engine, name, measure);
  const ratio = (engine: Engine, name: string, measure: Measure) => {
    const [ours, free] = [ms(engine, name, measure), ms(engine, name, 'free')];
    return ours && free ? `${(ours / free).toFixed(2)}x` : '';
  };
  return [
    {
      title: 'Compiling a schema, ms',
      head: ['schema', 'Quickstep', 'XGrammar', 'llama.cpp'],
      rows: names.map((name) => [
        name,
        ...(['quickstep', 'xgrammar', 'llama.cpp'] as const).map((engine) =>
          shown(ms(engine, name, 'compile'), 2),
        ),
      ]),
    },
    {
      title: 'A mask and the step to the next token along a document, ms a token',
      head: [
        'schema',
        'Quickstep, first time',
        'XGrammar, first time',
        'Quickstep, again',
        'XGrammar, again',
      ],
      rows: names.map((name) => [
        name,
        ...(['first mask', 'warm mask'] as const).flatMap((measure) =>
          (['quickstep', 'xgrammar'] as const).map((engine) => shown(ms(engine, name, measure), 4)),
        ),
      ]),
    },
    {
      title: 'A token of an answer under the schema, against one of a free answer',
      head: ['schema', 'Quickstep', 'forced text not drafted', 'free, ms', 'llama.cpp', 'free, ms'],
      rows: names.map((name) => [
        name,
        ratio('quickstep', name, 'constrained'),
        ratio('quickstep', name, 'one by one'),
        shown(ms('quickstep', name, 'free'), 1),
        ratio('llama.cpp', name, 'constrained'),
        shown(ms('llama.cpp', name, 'free'), 1),
      ]),
    },
  ];
}

/** Share of a free step that a warm mask takes, on the schema where it takes most. */
export function largestMaskShare(results: ConstrainedResults): number {
  const names = [...new Set(results.measurements.map((one) => one.case))];
  const shares = names.map((name) => {
    const [mask, free] = (['warm mask', 'free'] as const).map((measure) =>
      medianOf(results, 'quickstep', name, measure),
    );
    return mask! / free!;
  });
  return Math.max(...shares);
}

export function renderConstrainedReport(results: ConstrainedResults): string {
  const { machine, threads, rounds, versions, date } = results;
  const busy = loadWarning(machine.load[0]);
  const conditions: [string, string][] = [
    ['date', date.slice(0, 10)],
    ['processor', `${machine.processor}, ${machine.cores} cores, ${machine.platform}`],
    ['load average', machine.load.map((load) => load.toFixed(1)).join(', ')],
    ['threads, rounds', `${threads}, ${rounds}`],
    [
      'versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ['model', 'SmolLM2-135M-Instruct: Quickstep w8a8, llama.cpp Q4_1 as it is distributed'],
  ];
  return `# Constrained decoding benchmarks

What a JSON schema costs: compiling it, a mask for each token of SmolLM2's vocabulary, and the answer as a whole against a
free one. This page is made by \`npx tsx bench/constrained/report.ts\` from the newest \`constrained-*.json\` in \`bench/results\`;
no figure in it is typed by hand. \`npm run bench:constrained -- --name <name>\` makes such a file.

The engines take turns in every round; figures are medians over the rounds. XGrammar is its WebAssembly build
(\`@mlc-ai/web-xgrammar\`), which only makes masks. Ratios are taken within an engine, so its weights do not matter: below 1x an
answer under the schema is faster than a free one, because forced text is drafted. The largest share of a free step that
a mask takes once it is known: ${(100 * largestMaskShare(results)).toFixed(2)}%.
${busy ? `\n**${busy}** Its times are for orientation.\n` : ''}
## Result

${constrainedTables(results).map(asMarkdown).join('\n\n')}

## Conditions

| | |
| --- | --- |
${conditions.map(([name, value]) => `| ${name} | ${value} |`).join('\n')}
`;
}
