/** A run as a page holds it: start, stop, the recording so far, drawn at most once a frame. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Engine, RunRequest } from '../engine/engine.ts';
import { newRecording, type Recording, record } from '../replay/recording.ts';

export interface RunState {
  recording?: Recording;
  running: boolean;
  /** Share of the weights that is there, while they are fetched. */
  loading?: string;
  problem?: string;
}

function loadingText(file: string, received: number, total?: number): string {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  return `${file}: ${megabytes(received)}${total ? ` of ${megabytes(total)}` : ''} MB`;
}

export function useRun(): RunState & {
  start(engine: Engine, request: RunRequest): Promise<void>;
  stop(): void;
} {
  const [state, setState] = useState<RunState>({ running: false });
  const control = useRef<AbortController | undefined>(undefined);
  useEffect(() => stop, []);
  function stop(): void {
    control.current?.abort(new DOMException('stopped', 'AbortError'));
  }
  async function start(engine: Engine, request: RunRequest): Promise<void> {
    stop();
    const own = new AbortController();
    control.current = own;
    const recording = newRecording(request);
    const now: RunState = { recording, running: true, loading: 'Starting' };
    setState({ ...now });
    let scheduled = false;
    const show = (change: Partial<RunState> = {}): void => {
      Object.assign(now, change);
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(() => {
        scheduled = false;
        // Another run may have begun meanwhile.
        if (control.current === own) setState({ ...now });
      });
    };
    try {
      for await (const event of engine.run(request, own.signal)) {
        if (event.type === 'load') show({ loading: loadingText(event.file, event.received, event.total) });
        else if (record(recording, event)) show({ loading: undefined });
      }
    } catch (error) {
      if (!own.signal.aborted) show({ problem: error instanceof Error ? error.message : String(error) });
    }
    show({ running: false, loading: undefined });
  }
  return { ...state, start, stop };
}
