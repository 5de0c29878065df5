/** Language models: loading them, and what a loaded one can do. */
export { type LlamaConfig, parseLlamaConfig, type RopeScaling } from './config.ts';
export type { Forward, ForwardOptions, Mixture, ScoreGroup, ScoreLane, Scores } from './forward.ts';
export { type Capability, capabilities, LanguageModel } from './language-model.ts';
export { type Precision, precisions } from './linear.ts';
export { buildLlama, type LlamaOptions } from './llama.ts';
export { type LoadOptions, load } from './load.ts';
export { type CheckpointOptions, loadCheckpoint } from './load-checkpoint.ts';
