/** Procedural tasks: problems without end, each with a checker; the tokenizer and the tokens of the house models. */
export { type EncodedProblem, problemEncoder, specialId } from './encode.ts';
export { specialTokens } from './house-tokenizer.ts';
export { findTask, tasks } from './registry.ts';
export { type ProblemOptions, type Problems, problems } from './sampler.ts';
export { type Split, splitOf } from './split.ts';
export type { Level, Problem, Task } from './task.ts';
export { finalNumber } from './word-problems.ts';
