/**
 * Quickstep: load a model, decode with any method, watch each step.
 *
 *   import { generate, load } from 'quickstep';
 *   await using model = await load('stories260k');
 *   for await (const step of generate(model, 'Once upon a time', { method: 'prompt-lookup' })) {
 *     process.stdout.write(step.text);
 *   }
 */

export {
  type BatchOptions,
  type BatchOutcome,
  type BatchProgress,
  type BatchRequest,
  type BatchStatistics,
  type BatchSummary,
  batchOptions,
  decodeBatch,
  runBatchFile,
} from './batch/index.ts';
export {
  alignedDecoding,
  type CommittedToken,
  type ConstraintOptions,
  type DraftToken,
  type DrawnAnswer,
  defineMethod,
  type FinishReason,
  findMethod,
  type GenerateOptions,
  type Generation,
  type Growth,
  type Guarantee,
  gbnfLanguage,
  generate,
  generateBatch,
  growingStrings,
  jsonSchemaLanguage,
  type Language,
  type LogitsProcessor,
  limitOptions,
  type Method,
  type MethodOptions,
  methods,
  openTrie,
  type Phases,
  PrefixTrie,
  type Prompt,
  promptTokens,
  type Result,
  regexLanguage,
  type SamplingInput,
  type SamplingOptions,
  type Statistics,
  type Step,
  samplingOptions,
  saveTrie,
  stringSet,
  type TypedResult,
} from './decode/index.ts';
export { type ErrorCode, QuickstepError } from './errors.ts';
export {
  type Capability,
  LanguageModel,
  type LoadOptions,
  load,
  type Precision,
  precisions,
} from './models/index.ts';
export type { ChatMessage, Tokenizer } from './text/index.ts';
