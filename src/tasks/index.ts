/** Procedural tasks: problems without end, each with a checker; what trains on them, and what measures with them. */
export { type EncodedProblem, problemEncoder, specialId } from './encode.ts';
export {
  type Answer,
  defaultBatch,
  defaultMaxTokens,
  defaultSamples,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  evaluationPrompt,
} from './evaluate.ts';
export { finalNumber, lastNumber } from './final-number.ts';
export { type GraphQuestion, readGraphQuestion } from './graph-questions.ts';
export { specialTokens } from './house-tokenizer.ts';
export {
  type Decoding,
  differenceOf,
  type Measurement,
  type MeasureOptions,
  measure,
  measurementJson,
  type Outcome,
  type TaskLevel,
  type TaskMeasurement,
  type Totals,
  totalsOf,
} from './measure.ts';
export { type PairedDifference, pairedDifference } from './paired.ts';
export { fileProblems, type ProblemSet, taskProblems, testProblems } from './problem-set.ts';
export { findTask, tasks } from './registry.ts';
export { type ProblemOptions, type Problems, problems } from './sampler.ts';
export { type Split, splitOf } from './split.ts';
export { type Level, type Problem, rewardOf, type Task } from './task.ts';
export { type Interval, wilsonInterval } from './wilson.ts';
