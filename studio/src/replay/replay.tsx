/** A recorded run, or one that is going on: canvas, scrubber and what the shown step did. */

import { useEffect, useState } from 'preact/hooks';
import { Canvas, ConfidenceLegend } from './canvas.tsx';
import type { Recording } from './recording.ts';
import { Scrubber } from './scrubber.tsx';
import { StepDetails } from './step-details.tsx';

export function Replay({ recording, live }: { recording: Recording; live: boolean }) {
  const { steps } = recording;
  // Undefined follows the run.
  const [chosen, setChosen] = useState<number>();
  useEffect(() => setChosen(undefined), [recording]);
  const count = Math.min(chosen ?? steps.length, steps.length);
  const move = (to: number): void => setChosen(live && to >= steps.length ? undefined : to);
  return (
    <div class="replay">
      <Canvas recording={recording} count={count} />
      <ConfidenceLegend />
      <Scrubber steps={steps} count={count} onChange={move} live={live} />
      <StepDetails recording={recording} count={count} />
    </div>
  );
}
