/** The answer as it fills: a chip for each token, coloured by the model's confidence, the newest underlined. */

import type { Recording } from './recording.ts';
import { type Cell, canvasLength, cellsAt } from './replay.ts';

/** Text of a token as it is drawn: white space is kept, what cannot be seen is shown. */
export const visible = (text: string): string => text.replace(/\n/g, '↵').replace(/\t/g, '⇥');

const percent = (share: number): string => `${(100 * share).toFixed(share > 0.995 || share < 0.1 ? 1 : 0)}%`;

function Chip({ cell, text, fresh }: { cell: Cell; text: string; fresh: boolean }) {
  const { probability } = cell;
  const special = /^<\|.*\|>$/.test(text) || text === '</s>';
  const classes = ['token', fresh && 'fresh', special && 'special'].filter(Boolean).join(' ');
  const said = probability === undefined ? '' : `, probability ${percent(probability)}`;
  const style = probability === undefined ? undefined : { '--p': probability.toFixed(3) };
  const title = `${JSON.stringify(text)}${said}, step ${cell.step + 1}`;
  // The line breaks where the token says so.
  const [line, ...rest] = special ? ['⟂'] : text.split(/(?<=\n)/);
  return (
    <>
      <span class={classes} style={style} title={title}>
        {visible(line)}
      </span>
      {line.endsWith('\n') && <br />}
      {rest.length > 0 && (
        <span class={classes} style={style} title={title}>
          {visible(rest.join(''))}
        </span>
      )}
    </>
  );
}

export function Canvas({ recording, count }: { recording: Recording; count: number }) {
  const { steps, texts, request } = recording;
  const cells = cellsAt(steps, count);
  const length = canvasLength(steps);
  // Before the first step a canvas is all masks.
  while (cells.length < length) cells.push(undefined);
  const committed = cells.filter((cell) => cell !== undefined).length;
  const label = length > 0 ? `${committed} of ${length} positions filled` : `${committed} tokens written`;
  return (
    <section class="canvas" aria-label={`Answer of ${request.method}: ${label}`}>
      {cells.map((cell, position) =>
        cell ? (
          <Chip key={position} cell={cell} text={texts[cell.token] ?? ''} fresh={cell.step === count - 1} />
        ) : (
          <span key={position} class="token mask" aria-hidden="true">
            ·
          </span>
        ),
      )}
      {cells.length === 0 && <span class="hint">Nothing is written yet.</span>}
    </section>
  );
}

/** What the colours mean. */
export function ConfidenceLegend() {
  return (
    <p class="legend">
      <span>unsure</span>
      <span class="ramp" aria-hidden="true" />
      <span>sure</span>
      <span class="fresh-mark" aria-hidden="true" />
      <span>this step</span>
    </p>
  );
}
