/** Decoding: the loop and its phases, methods and their registry, sampling. */
export * from './constrained/index.ts';
export { ContinuousBatch, type ContinuousOptions } from './continuous.ts';
export type { Corruption } from './corruption.ts';
export {
  type GenerateOptions,
  type Generation,
  generate,
  generateBatch,
  limitOptions,
  type Prompt,
  promptTokens,
  type Request,
  type Result,
  requests,
  type TypedResult,
} from './generate.ts';
export { type Decoder, decode, type Lanes, RunningSet, type RunningSetOptions, type Scorer } from './loop.ts';
export { commitRule } from './masked-diffusion/commit/rule.ts';
export {
  blockConfidences,
  ConfidenceFilter,
  type FilterFacts,
  filterShapes,
} from './masked-diffusion/confidence-filter.ts';
export { openFilter, saveFilter } from './masked-diffusion/confidence-filter-disk.ts';
export { type CreditOptions, creditOptions, withCredit } from './masked-diffusion/credit-decoding.ts';
export { decodeCanvas } from './masked-diffusion/decode-canvas.ts';
export { withDrafts } from './masked-diffusion/freedave.ts';
export {
  blockLengths,
  type Layout,
  layoutOf,
  refuse,
  scheduledSteps,
  stepsPerBlock,
} from './masked-diffusion/layout.ts';
export {
  type CanvasOptions,
  type CommitOptions,
  canvasOptions,
  checkThreshold,
  commitOptions,
  scheduleOptions,
  wholeCanvasOptions,
} from './masked-diffusion/options.ts';
export { type OracleStep, oracle } from './masked-diffusion/oracle.ts';
export type {
  AfterCommit,
  CanvasView,
  CommitRule,
  ConfidenceHook,
  DraftHook,
  LogitsShaper,
  Look,
  Parts,
  Placement,
  Predictions,
  StopRule,
} from './masked-diffusion/parts.ts';
export { type EarlyCommitOptions, earlyCommitOptions, withEarlyCommit } from './masked-diffusion/prophet.ts';
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
export { type Masking, type Run, vacant } from './run.ts';
export { type SamplingInput, type SamplingOptions, samplingOptions } from './sampling/options.ts';
export type { LogitsProcessor } from './sampling/processors.ts';
export { type Route, stepPhases } from './speculative/arbitrage.ts';
export { type Drafter, speculate } from './speculative/drafter.ts';
export { GrowingTree, likeliestShape, type TreeShape } from './speculative/tree.ts';
export { resampleDraft } from './speculative/verify/resample.ts';
export { type TypicalOptions, typicalDraft } from './speculative/verify/typical.ts';
export type { CommittedToken, DraftToken, FinishReason, LegalMass, Statistics, Step } from './step.ts';
