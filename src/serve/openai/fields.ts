/** The bodies that OpenAI's clients send, as far as the engine can honour them. All else is refused by name. */

import { z } from 'zod';
import { jsonOptions } from '../../decode/json-options.ts';
import { jsonSchema, responseFormat } from '../../decode/response-format.ts';

const maxMessages = 2048;
const maxChoices = 32;

/** Accepted and without meaning here: they say who asks, and how a service is to bill or to store. */
const bookkeeping = {
  user: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  store: z.boolean().nullish(),
  service_tier: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
};

const shared = {
  ...bookkeeping,
  model: z.string().min(1).max(512),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  max_tokens: z.int().min(0).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z.record(z.string(), z.number()).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(64)]).nullish(),
  n: z.int().min(1).max(maxChoices).nullish(),
  quickstep: jsonOptions.nullish(),
};

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() });
const content = z.union([z.string(), z.array(textPart)], {
  error: 'is neither a text nor a list of text parts',
});

const toolCall = z.strictObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});

const message = z.discriminatedUnion('role', [
  z.strictObject({
    role: z.enum(['system', 'developer', 'user']),
    content,
    name: z.string().nullish(),
  }),
  z.strictObject({
    role: z.literal('assistant'),
    content: content.nullish(),
    refusal: z.null().optional(),
    annotations: z.array(z.unknown()).nullish(),
    audio: z.null().optional(),
    name: z.string().nullish(),
    tool_calls: z.array(toolCall).nullish(),
  }),
  z.strictObject({ role: z.literal('tool'), content, tool_call_id: z.string() }),
]);
export type Message = z.output<typeof message>;

const tool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'is not a name of letters, digits, _ and -'),
    description: z.string().nullish(),
    parameters: jsonSchema.nullish(),
    strict: z.boolean().nullish(),
  }),
});
export type Tool = z.output<typeof tool>;

export const chatBody = z.strictObject({
  ...shared,
  messages: z.array(message).min(1).max(maxMessages),
  max_completion_tokens: z.int().min(0).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  response_format: responseFormat.nullish(),
  tools: z.array(tool).max(128).nullish(),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: z.string() }) }),
    ])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
});
export type ChatBody = z.output<typeof chatBody>;

const tokens = z.array(z.int().min(0)).min(1);

export const completionBody = z.strictObject({
  ...shared,
  prompt: z.union([
    z.string(),
    tokens,
    z.array(z.string()).min(1).max(maxChoices),
    z.array(tokens).min(1).max(maxChoices),
  ]),
  logprobs: z.int().min(0).max(20).nullish(),
  echo: z.literal(false, { error: 'must be false: prompts are not echoed' }).nullish(),
  best_of: z.literal(1, { error: 'must be 1: ask for n answers and choose' }).nullish(),
  suffix: z.null({ error: 'must be null: answers are not fitted in before a suffix' }).optional(),
});
export type CompletionBody = z.output<typeof completionBody>;
