/** Text in and out of models: tokenizers, streaming detokenization, chat templates. */
export {
  type ChatMessage,
  type ChatTemplate,
  type ChatTool,
  createChatTemplate,
  type RenderOptions,
} from './chat.ts';
export { StreamDetokenizer } from './detokenize.ts';
export { type GgufMetadata, tokenizerFromGguf } from './gguf.ts';
export { tokenizerFromJson } from './json.ts';
export { type CheckpointText, type TokenizerFiles, tokenizerFilesOf, tokenizerOf } from './load.ts';
export { type ScoredVocabOptions, tokenizerFromScores } from './sentencepiece.ts';
export type { DecodeOptions, EncodeOptions, Tokenizer } from './tokenizer.ts';
