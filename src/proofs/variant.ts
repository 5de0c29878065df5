/** Decodings that only proofs need: `diffusion` with other parts, or watched while it runs. */

import { commitRule } from '../decode/masked-diffusion/commit/rule.ts';
import { decodeCanvas } from '../decode/masked-diffusion/decode-canvas.ts';
import { diffusion } from '../decode/masked-diffusion/diffusion.ts';
import type { Parts } from '../decode/masked-diffusion/parts.ts';
import { defineMethod, type Method } from '../decode/method.ts';
import type { Trace, TraceStep } from './trace.ts';

/** A method with the options of `diffusion`, whose parts are changed for each run. */
export function variant(slug: string, change: (parts: Parts) => Parts): Method {
  return defineMethod({
    ...diffusion,
    slug,
    phases: (options, run) =>
      run.finish ? {} : decodeCanvas(run, options, change({ commit: commitRule(options, run) })),
  }) as unknown as Method;
}

/** Parts to watch, and a number that is noted of each position beside token and confidence. */
export interface Watched {
  parts: Parts;
  note?: (position: number) => number;
}

/** A variant whose answers leave their traces, in the order in which they are begun. */
export function watched(
  slug: string,
  change: (parts: Parts) => Watched = (parts) => ({ parts }),
): { method: Method; traces: readonly Trace[] } {
  const traces: TraceStep[][] = [];
  const method = variant(slug, (plain) => {
    const { parts, note } = change(plain);
    const trace: TraceStep[] = [];
    traces.push(trace);
    return {
      ...parts,
      afterCommit: (committed, predictions, canvas) => {
        const { candidates, positions, tokens, confidence } = predictions;
        trace.push({
          positions: candidates.map((index) => positions[index]),
          tokens: candidates.map((index) => tokens[index]),
          confidence: candidates.map((index) => confidence[index]),
          notes: note ? candidates.map((index) => note(positions[index])) : [],
          committed: committed.map((index) => positions[index]),
        });
        parts.afterCommit?.(committed, predictions, canvas);
      },
    };
  });
  return { method, traces };
}
