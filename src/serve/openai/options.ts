/** OpenAI's names for what `generate` calls otherwise. */

import type { GenerateOptions } from '../../decode/generate.ts';
import type { ChatBody, CompletionBody } from './fields.ts';

/** Options of both kinds of completion. Those in `quickstep` go before them. */
export function engineOptions(body: ChatBody | CompletionBody): GenerateOptions & { method?: string } {
  const { stop } = body;
  const named = {
    maxTokens: body.max_tokens ?? undefined,
    temperature: body.temperature ?? undefined,
    topP: body.top_p ?? undefined,
    frequencyPenalty: body.frequency_penalty ?? undefined,
    presencePenalty: body.presence_penalty ?? undefined,
    logitBias: body.logit_bias ?? undefined,
    seed: body.seed ?? undefined,
    stop: typeof stop === 'string' ? [stop] : (stop ?? undefined),
  };
  // Sampling options in `quickstep` are checked by the engine, as all are.
  return { ...named, ...(body.quickstep as (GenerateOptions & { method?: string }) | null | undefined) };
}
