/**
 * The order in which sampling options act on the logits, in one place: what runs is what `explain` prints.
 *   logit bias -> end ban -> repetition, frequency, presence penalties -> user processors   (shaping, always)
 *   -> temperature -> top-k -> typical -> top-p -> min-p -> softmax                         (only above temperature 0)
 * A stage whose option is at its neutral value is left out. Stages work in place on a scratch copy.
 */
import { QuickstepError } from '../../errors.ts';
import { keepMinP, keepTopK, keepTopP, keepTypical } from './filters.ts';
import { parseSamplingOptions, type SamplingInput, type SamplingOptions } from './options.ts';
import {
  addBias,
  ban,
  countTokens,
  divideByTemperature,
  penalizeFrequency,
  penalizeRepetition,
  seenTokens,
} from './penalties.ts';

/** What a processor may look at. */
export type LogitsContext = {
  promptTokens: ArrayLike<number>;
  generatedTokens: ArrayLike<number>;
  /** Number of the decoding step, from 0. */
  step: number;
};

/**
 * Changes one row of logits `[vocabulary]` in place; -Infinity rules a token out.
 * It must not write NaN or +Infinity, nor keep the array.
 */
export type LogitsProcessor = (logits: Float32Array, context: LogitsContext) => void;

/** A processor and the line `explain` prints for it. */
export type Stage = { label: string; apply: LogitsProcessor };

/** What the pipeline takes besides options. */
export type PipelineExtras = {
  /** End-of-sequence ids of the model; needed by `minTokens`. */
  eosIds?: ArrayLike<number>;
  /** The user's own processors, run in order after the penalties, also when greedy. */
  processors?: readonly LogitsProcessor[];
};

/**
 * The stages that run at every temperature, in order.
 * @throws QuickstepError `bad-option` when `minTokens` is set without `eosIds`
 */
export function shapingStages(options: SamplingOptions, extras: PipelineExtras = {}): Stage[] {
  const stages: Stage[] = [];
  const { repetitionPenalty, frequencyPenalty, presencePenalty, minTokens } = options;
  const bias = Object.entries(options.logitBias ?? {}).map(([id, value]) => [Number(id), value] as const);
  if (bias.length > 0) {
    stages.push({ label: `logit bias on ${bias.length} tokens`, apply: (logits) => addBias(logits, bias) });
  }
  if (minTokens > 0) {
    const { eosIds } = extras;
    if (!eosIds) {
      throw new QuickstepError(
        'bad-option',
        'minTokens needs the end-of-sequence ids of the model.',
        'Pass eosIds, or leave minTokens out.',
      );
    }
    stages.push({
      label: `end tokens banned before token ${minTokens}`,
      apply: (logits, { generatedTokens }) => {
        if (generatedTokens.length < minTokens) ban(logits, eosIds);
      },
    });
  }
  const window = options.penaltyWindow ?? Number.POSITIVE_INFINITY;
  const scope = options.penaltyWindow ? `, last ${options.penaltyWindow} tokens` : '';
  if (repetitionPenalty !== 1) {
    stages.push({
      label: `repetition penalty ${repetitionPenalty}${scope}`,
      apply: (logits, { promptTokens, generatedTokens }) =>
        penalizeRepetition(logits, seenTokens(promptTokens, generatedTokens, window), repetitionPenalty),
    });
  }
  if (frequencyPenalty !== 0 || presencePenalty !== 0) {
    stages.push({
      label: `frequency penalty ${frequencyPenalty}, presence penalty ${presencePenalty}${scope}`,
      apply: (logits, { generatedTokens }) =>
        penalizeFrequency(logits, countTokens(generatedTokens, window), frequencyPenalty, presencePenalty),
    });
  }
  for (const apply of extras.processors ?? []) {
    stages.push({ label: `processor ${apply.name || '(unnamed)'}`, apply });
  }
  return stages;
}

/** Whether the temperature is not all that happens to the logits above temperature 0. */
export function hasFilters({ topK, typicalP, topP, minP }: SamplingOptions): boolean {
  return topK > 0 || typicalP < 1 || topP < 1 || minP > 0;
}

/** The stages that run only when the temperature is above 0, in order; none at 0. */
export function samplingStages(options: SamplingOptions): Stage[] {
  const { temperature, topK, typicalP, topP, minP } = options;
  if (temperature === 0) return [];
  const stages: Stage[] = [];
  if (temperature !== 1) {
    stages.push({
      label: `temperature ${temperature}`,
      apply: (logits) => divideByTemperature(logits, temperature),
    });
  }
  if (topK > 0) stages.push({ label: `top-k ${topK}`, apply: (logits) => keepTopK(logits, topK) });
  if (typicalP < 1)
    stages.push({ label: `typical ${typicalP}`, apply: (logits) => keepTypical(logits, typicalP) });
  if (topP < 1) stages.push({ label: `top-p ${topP}`, apply: (logits) => keepTopP(logits, topP) });
  if (minP > 0) stages.push({ label: `min-p ${minP}`, apply: (logits) => keepMinP(logits, minP) });
  return stages;
}

/** One line per stage in the order it runs, ending with how the token is chosen. */
export function explain(input: SamplingInput, extras: PipelineExtras = {}): string[] {
  const options = parseSamplingOptions(input);
  const stages = [...shapingStages(options, extras), ...samplingStages(options)];
  const choice = options.temperature === 0 ? ['argmax'] : ['softmax', `sample with seed ${options.seed}`];
  return [...stages.map((stage) => stage.label), ...choice];
}
