/** Checkpoints: finding and fetching them, reading safetensors and GGUF, requantizing. */
export { cacheFolder } from './cache-folder.ts';
export { type Checkpoint, openCheckpoint, type TensorInfo, type TokenizerData } from './checkpoint.ts';
export { DEFAULT_MODEL, KNOWN_MODELS, type KnownModel, OFFLINE_MODEL } from './known-models.ts';
export {
  type CachedModel,
  cachedModels,
  type LocateOptions,
  locate,
  type PullOptions,
  type PullProgress,
  pull,
} from './pull.ts';
export { quantizeBlocks4, quantizeRowsInt8 } from './requantize.ts';
export { writeSafetensors } from './safetensors-write.ts';
