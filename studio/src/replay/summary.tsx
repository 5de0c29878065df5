/** A finished run in a line. */

import type { Summary } from '../engine/engine.ts';

export function SummaryLine({ summary }: { summary: Summary }) {
  const { tokens, steps, forwards, seconds, tokensPerSecond } = summary;
  return (
    <p class="summary" role="status">
      <strong>{tokens}</strong> tokens in <strong>{steps}</strong> steps and <strong>{forwards}</strong>{' '}
      forwards, {seconds.toFixed(2)} s, {tokensPerSecond.toFixed(0)} tokens/s
    </p>
  );
}
