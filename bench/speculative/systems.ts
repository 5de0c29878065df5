/** What the speculative benchmark compares. The first is the baseline of every ratio. */

import type { EngineId } from '../engines/index.ts';

export interface System {
  label: string;
  engine: EngineId;
  /** See `AnswerQuestion.drafts`. */
  drafts?: string;
  /** Our methods: what they write must be what the baseline writes. */
  lossless: boolean;
}

export const systems: readonly System[] = [
  { label: 'greedy', engine: 'quickstep-w8a8', lossless: true },
  { label: 'prompt-lookup', engine: 'quickstep-w8a8', drafts: 'prompt-lookup', lossless: true },
  { label: 'medusa', engine: 'quickstep-w8a8', drafts: 'medusa', lossless: true },
  { label: 'clover', engine: 'quickstep-w8a8', drafts: 'clover', lossless: true },
  {
    label: 'medusa, heads alone',
    engine: 'quickstep-w8a8',
    drafts: 'medusa {"lookup":false}',
    lossless: true,
  },
  {
    label: 'clover, heads alone',
    engine: 'quickstep-w8a8',
    drafts: 'clover {"lookup":false}',
    lossless: true,
  },
  // Trees of the papers' size, where rows are to cost nothing: the most tokens for a forward, not the most for the time.
  {
    label: 'medusa, 63 nodes',
    engine: 'quickstep-w8a8',
    drafts: 'medusa {"size":"fixed","nodes":63}',
    lossless: true,
  },
  {
    label: 'clover, 63 nodes',
    engine: 'quickstep-w8a8',
    drafts: 'clover {"size":"fixed","nodes":63}',
    lossless: true,
  },
  { label: 'llama.cpp Q8_0', engine: 'llama-cpp-q8', lossless: false },
  { label: 'llama.cpp Q8_0, lookup', engine: 'llama-cpp-q8', drafts: 'lookup', lossless: false },
];
