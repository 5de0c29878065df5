/** Offline batches: many prompts at once, and OpenAI's batch files. */
export {
  type BatchOptions,
  type BatchOutcome,
  type BatchProgress,
  type BatchRequest,
  type BatchStatistics,
  batchOptions,
  decodeBatch,
} from '../decode/batch/batchllm.ts';
export { type BatchSummary, batchLimits, errorsPathOf, runBatchFile } from './batch-file.ts';
