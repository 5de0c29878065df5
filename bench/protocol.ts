/** Messages between the benchmark and its child processes: one question at a time, one answer each. */

import type { EngineOptions, Question } from './engines/engine.ts';
import type { EngineId } from './engines/index.ts';

/** To a child: be an engine (once, first), measure the machine, answer a question, or say how much memory was used. */
export type Request =
  | { kind: 'load'; engine: EngineId; options: EngineOptions }
  | { kind: 'machine'; threads: number }
  | { kind: 'memory' }
  | Question;

/** From a child: numbers by name, or what went wrong. */
export type Reply = { numbers: Record<string, number> } | { error: string };
