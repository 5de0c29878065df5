/**
 * Training: recipes, the resumable loop they run in, and what recipes are written with.
 *
 *   import { findRecipe, trainRecipe } from 'quickstep/train';
 *   const { model } = await trainRecipe(await findRecipe('house-causal'), { folder: 'runs/mine' });
 */

export {
  llamaWeightShapes,
  type TrainableInputs,
  type TrainableOptions,
  type TrainableWeights,
  trainableLlama,
} from '../models/llama-training.ts';
export { MovingAverage } from './average.ts';
export { type CertaintyOptions, certaintyObjective, certaintyPenalty } from './certainty.ts';
export { type CurvePoint, curveName, curveSvg } from './curve.ts';
export { dropoutMasks } from './dropout.ts';
export { type GroupPolicyOptions, groupPolicyPlan, type Likelihood } from './group-policy.ts';
export { type Answers, contextHmm, ExpectationMaximization, hmmBatch, hmmObjective } from './hmm.ts';
export { logName, readLog } from './log.ts';
export { isLora, type LoraOptions, loraWeights, mergeLora, withLora } from './lora.ts';
export {
  advantageTotalVariationRows,
  binaryCrossEntropy,
  clippedSurrogate,
  crossEntropyRows,
  entropyRows,
  klEstimate,
  klRows,
  policyGradientRows,
  squaredErrorRows,
  totalVariationRows,
  weightedSum,
} from './losses.ts';
export { openTrainable, type Trainable } from './open-trainable.ts';
export { AdamW, type AdamWOptions } from './optimizers/adamw.ts';
export { Muon, type MuonOptions } from './optimizers/muon.ts';
export type { Optimizer, Update } from './optimizers/optimizer.ts';
export {
  type Initializer,
  initialize,
  type Parameter,
  type Parameters,
  residualInitializer,
} from './parameters.ts';
export { type CommittedTokens, type PolicyOptions, policyObjective, TokenScorer } from './policy.ts';
export { type Batch, type Gradients, type Objective, type Terms, TrainingProgram } from './program.ts';
export { defineRecipe, type Recipe, type RecipeOptions, type RecipeRun } from './recipe.ts';
export { arbitrageRecipe, type RouterRecipe } from './recipes/arbitrage.ts';
export { type PolicyRecipe, policyRecipe } from './recipes/cjgrpo.ts';
export { hmmRecipe } from './recipes/deco-g.ts';
export { type CertaintyRecipe, certaintyRecipe } from './recipes/dparallel.ts';
export { type AlignedRecipe, alignedRecipe } from './recipes/house-draft-aligned.ts';
export { learn2pdRecipe } from './recipes/learn2pd.ts';
export { houseShares, Mixture } from './recipes/mixture.ts';
export { findRecipe, recipes } from './recipes/registry.ts';
export { advantagesOf, type Group, type RewardedPrompt, type RolloutOptions, rollOut } from './rollouts.ts';
export { type ModelFiles, saveModel } from './save-model.ts';
export { constantSchedule, cosineSchedule, type Schedule } from './schedule.ts';
export { activeSegment, type SegmentOptions, segmentBatch } from './segments.ts';
export { plainWeights, type SequenceObjectiveOptions, sequenceObjective } from './sequence-model.ts';
export { byLength, causalBatch, type MaskingOptions, maskedBatch } from './sequences.ts';
export { type LossChange, lossChange } from './smoke.ts';
export {
  modelName,
  type RunStart,
  type TrainedRecipe,
  type TrainRecipeOptions,
  trainRecipe,
} from './train-recipe.ts';
export {
  checkpointName,
  type TrainingPlan,
  type TrainingStep,
  type TrainOptions,
  train,
} from './trainer.ts';
export { stepSizes, type Trajectory, type TrajectoryBatch, trajectoryBatch } from './trajectories.ts';
