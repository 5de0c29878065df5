/**
 * The lines of OpenAI's batch files: a request is `custom_id`, `method`, `url` and the `body` that the endpoint takes;
 * an answer is `response` or `error` under the same `custom_id`. Parameters that we do not have are refused, not
 * ignored; those that change no answer (`user`, `metadata`, `store`) are taken and left alone.
 */

import { z } from 'zod';
import type { BatchRequest } from '../decode/batch/batchllm.ts';
import type { Result } from '../decode/generate.ts';
import { formatSchema, responseFormat } from '../decode/response-format.ts';
import type { QuickstepError } from '../errors.ts';

const content = z.union([
  z.string(),
  z
    .array(z.strictObject({ type: z.literal('text'), text: z.string() }))
    .transform((parts) => parts.map(({ text }) => text).join('')),
]);

const common = {
  model: z.string().optional(),
  max_tokens: z.int().min(0).optional(),
  temperature: z.number().min(0).max(2).default(1),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
  min_p: z.number().min(0).max(1).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  repetition_penalty: z.number().positive().optional(),
  logit_bias: z.record(z.string(), z.number()).optional(),
  seed: z.int().optional(),
  stop: z
    .union([z.string(), z.array(z.string())])
    .nullable()
    .optional(),
  ignore_eos: z.boolean().optional(),
  n: z.literal(1).optional(),
  stream: z.literal(false).optional(),
  user: z.unknown().optional(),
  metadata: z.unknown().optional(),
  store: z.unknown().optional(),
};

const chatBody = z.strictObject({
  ...common,
  messages: z.array(z.strictObject({ role: z.string(), content })).min(1),
  max_completion_tokens: z.int().min(0).optional(),
  response_format: responseFormat.optional(),
});

const textBody = z.strictObject({
  ...common,
  prompt: z.union([z.string(), z.array(z.int().min(0)).min(1)]),
  max_tokens: common.max_tokens.default(16),
});

const line = z.strictObject({
  custom_id: z.string().min(1).max(512),
  method: z.literal('POST'),
  url: z.enum(['/v1/chat/completions', '/v1/completions']),
  body: z.record(z.string(), z.unknown()),
});

/** A line as the decoder takes it. */
export interface ParsedLine {
  readonly customId: string;
  readonly url: z.output<typeof line>['url'];
  readonly request: BatchRequest;
}

/** Why a line has no answer. */
export interface LineError {
  readonly code: string;
  readonly message: string;
}

/** A line that says nothing that can be decoded. */
export class BadLine extends Error {
  readonly customId: string | null;
  readonly reason: LineError;

  constructor(code: string, message: string, customId: string | null = null) {
    super(message);
    this.customId = customId;
    this.reason = { code, message };
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown, customId: string | null): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue.path.join('.');
  throw new BadLine('invalid_request', `${where ? `${where}: ` : ''}${issue.message}.`, customId);
}

/**
 * Reads a request.
 * @param number of the line, which the seed is where none is given: equal prompts are to have different samples
 * @throws BadLine for anything that is no request.
 */
export function parseLine(bytes: Uint8Array, number: number): ParsedLine {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new BadLine('invalid_json', (error as Error).message);
  }
  const id = (value as { custom_id?: unknown } | null)?.custom_id;
  const customId = typeof id === 'string' ? id.slice(0, 512) : null;
  const { url, body } = checked(line, value, customId);
  const chat = url === '/v1/chat/completions';
  const { maxTokens, prompt, schema, ...sampling } = chat
    ? readChat(body, customId)
    : readText(body, customId);
  const options = {
    ...samplingOf(sampling, number),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(schema !== undefined && { schema }),
  };
  return { customId: customId!, url, request: { prompt, options } };
}

function readChat(body: unknown, customId: string | null) {
  const { messages, response_format: format, ...rest } = checked(chatBody, body, customId);
  return {
    ...rest,
    prompt: messages,
    ...formatSchema(format),
    maxTokens: rest.max_completion_tokens ?? rest.max_tokens,
  };
}

function readText(body: unknown, customId: string | null) {
  const { prompt, max_tokens: maxTokens, ...rest } = checked(textBody, body, customId);
  const given = typeof prompt === 'string' ? prompt : { tokens: prompt };
  return { ...rest, prompt: given, schema: undefined, maxTokens };
}

type Sampling = Pick<
  z.output<typeof textBody>,
  | 'temperature'
  | 'top_p'
  | 'top_k'
  | 'min_p'
  | 'frequency_penalty'
  | 'presence_penalty'
  | 'repetition_penalty'
  | 'logit_bias'
  | 'seed'
  | 'stop'
  | 'ignore_eos'
>;

function samplingOf(body: Sampling, number: number): NonNullable<BatchRequest['options']> {
  const given = {
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
    minP: body.min_p,
    frequencyPenalty: body.frequency_penalty,
    presencePenalty: body.presence_penalty,
    repetitionPenalty: body.repetition_penalty,
    logitBias: body.logit_bias,
    seed: body.seed ?? number,
    stop: body.stop == null ? undefined : [body.stop].flat(),
    ignoreEos: body.ignore_eos,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const finishReasons = { eos: 'stop', stop: 'stop', length: 'length', context: 'length' } as const;

/** The line of an answer. */
export function answerLine(id: string, { customId, url }: ParsedLine, model: string, result: Result): object {
  const chat = url === '/v1/chat/completions';
  const { text, finish, promptTokens, tokens } = result;
  const said = chat ? { message: { role: 'assistant', content: text } } : { text };
  const body = {
    id: `${chat ? 'chatcmpl' : 'cmpl'}-${id}`,
    object: chat ? 'chat.completion' : 'text_completion',
    created: Math.floor(Date.now() / 1000),
    model,
    choices: [{ index: 0, ...said, logprobs: null, finish_reason: finishReasons[finish] }],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: tokens.length,
      total_tokens: promptTokens + tokens.length,
    },
  };
  return { id, custom_id: customId, response: { status_code: 200, request_id: id, body }, error: null };
}

/** The line of an error. */
export function errorLine(id: string, customId: string | null, error: LineError): object {
  return { id, custom_id: customId, response: null, error };
}

/** A decoding error as a batch file tells it. */
export function lineErrorOf({ code, message }: QuickstepError): LineError {
  return { code: code.replaceAll('-', '_'), message };
}
