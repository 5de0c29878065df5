/**
 * One interface for whoever decodes: a worker in this page, or the server. Both tell a run in the engine's own Step
 * records, beside the texts of the tokens in them; the pages know no other difference than the name.
 */

import type { Result } from '../../../src/decode/generate.ts';
import type { Step } from '../../../src/decode/step.ts';

export interface RunRequest {
  model: string;
  prompt: string;
  method: string;
  methodOptions: Record<string, unknown>;
  maxTokens: number;
  temperature?: number;
  seed?: number;
}

/** The facts of a finished run that the pages show. */
export type Summary = Pick<
  Result,
  'text' | 'finish' | 'promptTokens' | 'steps' | 'forwards' | 'seconds' | 'tokensPerSecond'
> & { tokens: number };

export type RunEvent =
  | { type: 'load'; file: string; received: number; total?: number }
  /** The model is there and decoding begins; where it runs, for people. */
  | { type: 'start'; place: string }
  /** A step, and the texts of tokens that no earlier step had. */
  | { type: 'step'; step: Step; texts: [token: number, text: string][] }
  | { type: 'done'; summary: Summary };

export interface Engine {
  /** The events of one run, in order. Throws an Error for people, or the signal's reason. */
  run(request: RunRequest, signal: AbortSignal): AsyncIterable<RunEvent>;
}
