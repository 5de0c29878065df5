/** The benchmark page: hand-written words around the tables of one run. */

import { bars } from './bars.ts';
import { engines } from './engines/index.ts';
import { loadWarning, type Results } from './results.ts';
import { roofline } from './roofline.ts';
import { asMarkdown, measuredEngines, rowRatios, tables } from './table.ts';

const giga = (value: number) => (value / 1e9).toFixed(0);

function conditions({ date, quick, machine, model, settings, versions }: Results): string {
  const { threads, rounds, tokens, rowsContext } = settings;
  const gib = (machine.memory / 2 ** 30).toFixed(0);
  const loads = machine.load.map((load) => load.toFixed(1)).join(', ');
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `| | |
| --- | --- |
| date | ${date.slice(0, 10)}${quick ? ', a quick run of one round: for orientation only' : ''} |
| processor | ${machine.processor}, ${machine.cores} cores, ${gib} GiB, ${machine.platform} |
| load average | ${loads} (before, then after each round; the engines themselves make ${threads}) |
| measured memory bandwidth | ${giga(machine.bandwidth)} GB/s |
| measured peak of matrix products | ${giga(machine.fp32)} GFLOPS in float32, ${giga(machine.int8)} GOPS in int8 |
| model | ${model.id} |
| threads | ${threads} for every engine |
| rounds | ${rounds}; ${tokens} tokens decoded for a figure, rows after ${rowsContext} cached tokens |
| software | Node.js ${machine.node}, ${packages.join(', ')} |`;
}

function barTable(results: Results): string {
  const rows = bars(results).map(({ claim, ratio, holds }) => {
    const verdict = holds === undefined ? 'not measured' : holds ? 'pass' : '**miss**';
    return `| ${claim} | ${ratio === undefined ? '' : `${ratio.toFixed(2)}x`} | ${verdict} |`;
  });
  return ['| bar | measured | |', '| --- | ---: | --- |', ...rows].join('\n');
}

/** Says why transformers.js is missing, when it is. */
function missing(results: Results): string {
  const present = measuredEngines(results).some((id) => engines[id].weights === 'onnx');
  if (present) return '';
  return `
transformers.js is not in this run: its ONNX export had not been made. \`npm run bench -- --export-onnx --python
<path>\` makes it, with a Python that has the packages named in \`tools/export_onnx.py\`.
`;
}

/** The whole page as Markdown. */
export function renderReport(results: Results): string {
  const all = tables(results);
  const { settings } = results;
  const rows = (count: number) => roofline(results, 'quickstep-w8a8', 'rows', count)!;
  const busy = loadWarning(results.machine.load[0]);
  const verify = all.findIndex(({ title }) => title.startsWith('Verify'));
  const ordered = [...all.slice(0, verify + 1), rowRatios(results), ...all.slice(verify + 1)];
  return `# Benchmarks

Quickstep against node-llama-cpp (llama.cpp) and transformers.js (ONNX Runtime) on one machine, with the same
weights, in one run. This page is made by \`npx tsx bench/report.ts\` from the newest file in \`bench/results\`; no
figure in it is typed by hand. \`npm run bench\` makes such a file on your machine in about ten minutes,
\`npm run bench -- --quick\` a rough one in about two.

## The bars

Ratios of medians within the run. "Quickstep" here is w8a8, its default format.${busy ? ` **${busy}**` : ''}

${barTable(results)}

Why a bar is missed, and what was tried: [performance](performance.md).

## Conditions

${conditions(results)}
${missing(results)}
## Figures

Each cell is the median over the rounds and, in brackets, the best round. Everything but the batch table is better
when smaller. The roofline is the bound of this machine for Quickstep w8a8: its weights and cached keys and values
read once at the measured bandwidth, or its products at the measured peak, whichever takes longer. Weights that stay
in the processor's cache can beat it a little.

${ordered.map(asMarkdown).join('\n\n')}

## What is measured

- **Same weights.** The Q4_1 file of SmolLM2-135M-Instruct is dequantized once; Quickstep quantizes the result to
  w8a8 or w4 when it loads, \`tools/requantize_gguf.py\` writes the Q8_0 and Q4_0 files for llama.cpp, and
  \`tools/export_onnx.py\` the float32 and 8-bit graphs for transformers.js. All read the same token ids, decode
  greedily and ignore the end token.
- **Interleaved.** Every engine is loaded in a process of its own. Each question goes to one engine after the other,
  in another order each round, so that a machine that slows down slows all of them. Compare columns, not pages:
  ratios within a run travel, milliseconds do not.
- **Prefill** is the time from handing over the prompt's tokens to its first answer token. **Decode** is the time per
  further token, everything counted: the forward, the choice of the token and the cache.
- **Verify** scores a group of new rows after ${settings.rowsContext} cached tokens and takes the most likely next token of each, as
  checking a draft does. Quickstep runs \`LanguageModel.forward\`; llama.cpp runs \`controlledEvaluate\` with a token
  wanted from every row, which is one llama.cpp batch followed by one sampling call per row, and the removal of the
  rows from its cache; transformers.js runs a forward with a cache and copies all logits out.
- **Batch** decodes that many sequences with prompts of 64 tokens; the clock starts when all prompts have been read.
- **Load** is the time from the call to a model that can answer, with the file in the system's cache. Quickstep
  quantizes at that time; the peers read weights that were quantized before. **Memory** is the largest resident size
  of a fresh process that loaded the model and answered a 512-token prompt; mapped weight files count.
- **Peers at their defaults**: llama.cpp with flash attention on 'auto', batches of 512 and a float16 cache;
  transformers.js on onnxruntime-node with fused attention and the output head reduced to the last row of a prompt.

## Reading the figures

The processor decides which format wins. With AMX or VNNI, int8 products are so fast that 16 rows cost little more
than reading the weights once. A processor with AVX2 only, such as Zen 3, has about twice its float32 peak in int8,
so that scoring 16 rows is bound by arithmetic, whatever the engine. With the bandwidth and the peak measured in this
run, one row after ${settings.rowsContext} tokens takes at least ${rows(1).toFixed(1)} ms and 16 rows at least ${rows(16).toFixed(1)} ms: ${(rows(16) / rows(1)).toFixed(1)}x is the lowest ratio an
engine at the roofline could show, and one that is further from it at one row than at 16 shows a lower one.
`;
}
