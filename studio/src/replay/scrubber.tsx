/** Moves through the steps of a run: a slider over bars that show how much each step committed and drafted in vain. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Step } from '../../../src/decode/step.ts';

interface ScrubberProps {
  steps: readonly Step[];
  /** Steps that are shown, 0 to all. */
  count: number;
  onChange(count: number): void;
  /** Whether the run is still going on. */
  live: boolean;
}

function Bars({ steps, count }: { steps: readonly Step[]; count: number }) {
  const heights = steps.map(({ committed, proposed }) => ({
    committed: committed.length,
    all: committed.length + proposed.filter(({ accepted }) => !accepted).length,
  }));
  const most = Math.max(1, ...heights.map(({ all }) => all));
  const path = (key: 'committed' | 'all'): string =>
    heights.map((bar, i) => `M${i + 0.1},${most}V${most - bar[key]}h.8V${most}z`).join('');
  return (
    <svg
      class="bars"
      viewBox={`0 0 ${Math.max(steps.length, 1)} ${most}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path class="drafted" d={path('all')} />
      <path class="committed" d={path('committed')} />
      <rect class="ahead" x={count} y="0" width={Math.max(0, steps.length - count)} height={most} />
    </svg>
  );
}

/** Milliseconds of a step while a run is played. */
const pace = 160;

export function Scrubber({ steps, count, onChange, live }: ScrubberProps) {
  const [playing, setPlaying] = useState(false);
  const now = useRef({ count, onChange });
  now.current = { count, onChange };
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => {
      if (now.current.count >= steps.length) setPlaying(false);
      else now.current.onChange(now.current.count + 1);
    }, pace);
    return () => clearInterval(timer);
  }, [playing, steps.length]);
  const move = (to: number): void => {
    setPlaying(false);
    onChange(Math.max(0, Math.min(steps.length, to)));
  };
  const play = (): void => {
    if (!playing && count >= steps.length) onChange(0);
    setPlaying(!playing);
  };
  const button = (label: string, sign: string, act: () => void, disabled = false) => (
    <button type="button" class="quiet" aria-label={label} title={label} onClick={act} disabled={disabled}>
      <span aria-hidden="true">{sign}</span>
    </button>
  );
  return (
    <div class="scrubber">
      <div class="buttons">
        {button('First step', '⇤', () => move(0), count === 0)}
        {button('Step back', '←', () => move(count - 1), count === 0)}
        {button(playing ? 'Pause' : 'Play', playing ? '❚❚' : '▶', play, live)}
        {button('Step on', '→', () => move(count + 1), count >= steps.length)}
        {button('Last step', '⇥', () => move(steps.length), count >= steps.length)}
      </div>
      <div class="track">
        <Bars steps={steps} count={count} />
        <input
          type="range"
          aria-label="Step"
          aria-valuetext={`after step ${count} of ${steps.length}`}
          min={0}
          max={steps.length}
          value={count}
          onInput={({ currentTarget }) => move(Number(currentTarget.value))}
        />
      </div>
      <output class="position">
        {count} <span class="of">of</span> {steps.length}
      </output>
    </div>
  );
}
