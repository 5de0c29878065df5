/**
 * Draws a picture of what `quickstep generate --show-steps` shows in a terminal, from a real run: docs/show-steps.svg,
 * the picture of the README, or docs/show-canvas.svg, a canvas filling up. Times in it are those of the machine it ran on.
 * Run with: npx tsx tools/picture.ts [show-steps|show-canvas] [model]
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { createPaint } from '../src/cli/paint.ts';
import { drawStep, stepHeader } from '../src/cli/step-view.ts';
import { textWidth } from '../src/cli/text-width.ts';
import { type GenerateOptions, generate } from '../src/decode/generate.ts';
import { load } from '../src/models/load.ts';

/** What is run, and the flags that run it. */
interface Picture {
  model: string;
  prompt: string;
  flags: string;
  options: GenerateOptions;
}

const pictures: Readonly<Record<string, Picture>> = {
  'show-steps': {
    model: 'smollm2',
    prompt:
      'Turn this into a list: apples from Spain, pears from Spain, plums from France, cherries from France',
    flags: '--method prompt-lookup',
    options: { method: 'prompt-lookup', maxTokens: 48 },
  },
  'show-canvas': {
    model: 'house-diffusion',
    prompt: 'Sort: 31 7 52 18 90',
    flags: '--model house-diffusion --method diffusion \\\n    --threshold 0.9 --max-tokens 24',
    options: { method: 'diffusion', maxTokens: 24, methodOptions: { threshold: 0.9 } },
  },
};

const columns = 106;
const columnWidth = 8.4;
const lineHeight = 20;
const margin = 16;

/** A piece of a line in one style. */
interface Span {
  text: string;
  column: number;
  attributes: string;
}

/** SVG attributes of a list of SGR codes, as src/cli/paint.ts writes them. */
function attributesOf(codes: string): string {
  const attributes: string[] = [];
  const color = /38;2;(\d+);(\d+);(\d+)/.exec(codes);
  const others = codes.replace(/38;2;\d+;\d+;\d+/, '').split(';');
  if (color) attributes.push(`fill="rgb(${color.slice(1).join(',')})"`);
  if (others.includes('1')) attributes.push('font-weight="bold"');
  if (others.includes('2')) attributes.push('opacity="0.55"');
  if (others.includes('9')) attributes.push('text-decoration="line-through"');
  return attributes.join(' ');
}

function spansOf(line: string): Span[] {
  const spans: Span[] = [];
  let column = 0;
  let attributes = '';
  for (const part of line.split(/(\x1b\[[\d;]*m)/)) {
    const codes = /^\x1b\[([\d;]*)m$/.exec(part)?.[1];
    if (codes !== undefined) attributes = attributesOf(codes);
    else if (part) {
      spans.push({ text: part, column, attributes });
      column += textWidth(part);
    }
  }
  return spans;
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** An SVG of terminal lines with colours. */
function svgOf(lines: readonly string[]): string {
  const width = Math.ceil(columns * columnWidth + 2 * margin);
  const height = lines.length * lineHeight + 2 * margin;
  const texts = lines.flatMap((line, row) =>
    spansOf(line).map(({ text, column, attributes }) => {
      const x = (margin + column * columnWidth).toFixed(1);
      const y = margin + row * lineHeight + 15;
      const length = (textWidth(text) * columnWidth).toFixed(1);
      return `<text x="${x}" y="${y}" textLength="${length}" ${attributes}>${escapeXml(text)}</text>`;
    }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>quickstep generate --show-steps in a terminal</title>
<rect width="100%" height="100%" rx="8" fill="#12161c"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" fill="#d5dae1" xml:space="preserve">
${texts.join('\n')}
</g>
</svg>
`;
}

const name = process.argv[2] ?? 'show-steps';
const picture = pictures[name];
if (!picture) throw new Error(`No picture "${name}"; there are ${Object.keys(pictures).join(', ')}.`);
const { prompt, flags } = picture;
await using model = await load(process.argv[3] ?? picture.model);
const paint = createPaint(24);
const decoder = new TextDecoder();
const tokenText = (token: number) => decoder.decode(model.tokenizer.bytes(token));
const question = model.chatTemplate ? [{ role: 'user', content: prompt }] : prompt;
let screen = `${paint.dim('$')} quickstep generate ${flags} --show-steps \\\n    "${prompt}"\n`;
for await (const step of generate(model, question, picture.options)) {
  if (step.step === 1) screen += stepHeader({ paint }, step);
  screen += drawStep(step, { tokenText, paint, columns });
}
await mkdir('docs', { recursive: true });
await writeFile(`docs/${name}.svg`, svgOf(screen.trimEnd().split('\n')));
console.log(`docs/${name}.svg written.`);
