/** A model of Quickstep as the AI SDK calls one (provider specification v4). */

import { randomUUID } from 'node:crypto';
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider';
import type { FunctionCall, Saying } from '../decode/constrained/function-call.ts';
import type { ContinuousBatch } from '../decode/continuous.ts';
import type { Generation, Result } from '../decode/generate.ts';
import { findMethod } from '../decode/registry.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { unlessAborted } from './abort.ts';
import { type Call, callFor } from './call.ts';

/** Where models come from: a provider, which loads each at its first call. */
export interface Source {
  batch(id: string): Promise<ContinuousBatch>;
  /** The model that drafts for another, for methods that take one. */
  draft(id: string): Promise<LanguageModel | undefined>;
}

interface Started extends Call {
  id: string;
  generation: Generation<Result>;
  abort: AbortController;
}

export class QuickstepModel implements LanguageModelV4 {
  readonly specificationVersion = 'v4';
  readonly provider = 'quickstep';
  readonly modelId: string;
  readonly supportedUrls = {};
  readonly #source: Source;

  constructor(modelId: string, source: Source) {
    this.modelId = modelId;
    this.#source = source;
  }

  async doGenerate(options: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const { generation, calling, warnings, id, options: used } = await this.#start(options);
    const result = await generation.result;
    const { text, call } = saidIn(result, calling);
    const content: LanguageModelV4Content[] = [
      ...(text !== '' || !call ? [{ type: 'text' as const, text }] : []),
      ...(call ? [toolCall(call)] : []),
    ];
    return {
      content,
      finishReason: finishReasonOf(result, call !== undefined),
      usage: usageOf(result),
      providerMetadata: metadataOf(result, used.seed),
      response: { id, modelId: this.modelId, timestamp: new Date() },
      warnings,
    };
  }

  async doStream(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    const started = await this.#start(options);
    const parts = partsOf(started, this.modelId, options.includeRawChunks === true);
    const stream = new ReadableStream<LanguageModelV4StreamPart>({
      async pull(controller) {
        const next = await parts.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      cancel: (reason) => started.abort.abort(reason),
    });
    return { stream };
  }

  async #start(options: LanguageModelV4CallOptions): Promise<Started> {
    const { abortSignal } = options;
    abortSignal?.throwIfAborted();
    const batch = await unlessAborted(this.#source.batch(this.modelId), abortSignal);
    const call = callFor(batch.model, options);
    const { method } = call.options;
    const drafts = typeof method === 'string' && findMethod(method).draft;
    const draft = drafts ? await unlessAborted(this.#source.draft(this.modelId), abortSignal) : undefined;
    abortSignal?.throwIfAborted();
    const abort = new AbortController();
    const generation = batch.generate(call.prompt, { ...call.options, draft, signal: abort.signal });
    const forward = () => abort.abort(abortSignal!.reason);
    abortSignal?.addEventListener('abort', forward, { once: true });
    const settled = generation.result.finally(() => abortSignal?.removeEventListener('abort', forward));
    settled.catch(() => {});
    return { ...call, id: `quickstep-${randomUUID()}`, generation, abort };
  }
}

/** The parts of a streamed answer. A failure is one of them, as the specification has it. */
async function* partsOf(
  { generation, calling, warnings, id, options }: Started,
  modelId: string,
  raw: boolean,
): AsyncGenerator<LanguageModelV4StreamPart, void, void> {
  yield { type: 'stream-start', warnings };
  yield { type: 'response-metadata', id, modelId, timestamp: new Date() };
  try {
    const listen = calling?.listen() ?? ((piece: string) => piece);
    let told = 0;
    for await (const step of generation) {
      if (raw) yield { type: 'raw', rawValue: step };
      const delta = listen(step.text);
      if (delta === '') continue;
      if (told === 0) yield { type: 'text-start', id };
      told += delta.length;
      yield { type: 'text-delta', id, delta };
    }
    const result = await generation.result;
    const { text, call } = saidIn(result, calling);
    if (text.length > told) {
      if (told === 0) yield { type: 'text-start', id };
      yield { type: 'text-delta', id, delta: text.slice(told) };
    }
    if (text.length > 0) yield { type: 'text-end', id };
    if (call) {
      // Told whole, once it is known which function it is.
      const part = toolCall(call);
      yield { type: 'tool-input-start', id: part.toolCallId, toolName: part.toolName };
      yield { type: 'tool-input-delta', id: part.toolCallId, delta: part.input };
      yield { type: 'tool-input-end', id: part.toolCallId };
      yield part;
    }
    yield {
      type: 'finish',
      usage: usageOf(result),
      finishReason: finishReasonOf(result, call !== undefined),
      providerMetadata: metadataOf(result, options.seed),
    };
  } catch (error) {
    yield { type: 'error', error };
  }
}

const saidIn = ({ text, finish }: Result, calling: Call['calling']): Saying =>
  calling?.read(text, finish === 'eos') ?? { text };

function toolCall({ name, arguments: input }: FunctionCall) {
  return { type: 'tool-call' as const, toolCallId: `call_${randomUUID()}`, toolName: name, input };
}

function finishReasonOf({ finish }: Result, called: boolean): LanguageModelV4FinishReason {
  const ended = finish === 'eos' || finish === 'stop';
  const unified = called ? 'tool-calls' : ended ? 'stop' : 'length';
  return { unified, raw: finish };
}

function usageOf({ promptTokens, tokens, statistics }: Result): LanguageModelV4Usage {
  const { kvReused } = statistics;
  const noCache = promptTokens - kvReused;
  return {
    inputTokens: { total: promptTokens, noCache, cacheRead: kvReused, cacheWrite: undefined },
    outputTokens: { total: tokens.length, text: tokens.length, reasoning: 0 },
  };
}

function metadataOf(result: Result, seed: number): SharedV4ProviderMetadata {
  const { steps, forwards, seconds, firstTokenSeconds, tokensPerSecond, statistics } = result;
  const { drafted, accepted } = statistics;
  return {
    quickstep: { seed, steps, forwards, drafted, accepted, seconds, firstTokenSeconds, tokensPerSecond },
  };
}
