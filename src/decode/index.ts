/** Decoding: the loop and its phases, methods and their registry, sampling. */
export {
  type GenerateOptions,
  type Generation,
  generate,
  generateBatch,
  limitOptions,
  type Prompt,
  promptTokens,
  type Result,
} from './generate.ts';
export { type Decoder, decode, type Scorer } from './loop.ts';
export { defineMethod, type Guarantee, type Method, type MethodOptions } from './method.ts';
export {
  type Choice,
  type DraftTree,
  emptyDraft,
  type Phases,
  type Proposal,
  proposeDraft,
  rememberPath,
  walkDraft,
} from './phases.ts';
export { findMethod, methods } from './registry.ts';
export type { Run } from './run.ts';
export { type SamplingInput, type SamplingOptions, samplingOptions } from './sampling/options.ts';
export type { LogitsProcessor } from './sampling/processors.ts';
export type { CommittedToken, DraftToken, FinishReason, Statistics, Step } from './step.ts';
