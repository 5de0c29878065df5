/** A call of the AI SDK as options of `generate`, and a warning for everything that is not done as it was asked for. */

import { randomInt } from 'node:crypto';
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4ToolChoice,
  SharedV4Warning,
} from '@ai-sdk/provider';
import { type Calling, callOf, instruct, maybeCallOf } from '../decode/constrained/function-call.ts';
import type { GenerateOptions, Prompt } from '../decode/generate.ts';
import { jsonOptions } from '../decode/json-options.ts';
import { QuickstepError } from '../errors.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { chatMessages } from './prompt.ts';

export interface Call {
  prompt: Prompt;
  options: GenerateOptions & { seed: number };
  /** The answer is, or may be, a function call. */
  calling: Calling | undefined;
  warnings: SharedV4Warning[];
}

/** @throws QuickstepError 'bad-option' for unknown options of ours, 'unsupported' for a prompt that is not text */
export function callFor(model: LanguageModel, call: LanguageModelV4CallOptions): Call {
  const warnings: SharedV4Warning[] = [];
  const warn = (feature: string, details: string) => warnings.push({ type: 'unsupported', feature, details });
  const { responseFormat: format, stopSequences = [], reasoning, toolChoice } = call;
  const own = ownOptions(call.providerOptions?.quickstep);

  const json =
    format?.type === 'json' ? ((format.schema as Record<string, unknown>) ?? { type: 'object' }) : undefined;
  const plain = json === undefined && model.capabilities.has('causal');
  const calling = callingOf(call.tools ?? [], toolChoice, plain, warn);
  const constraint = calling?.constraint ?? { schema: json };
  const constrained =
    calling !== undefined || json !== undefined || own.regex !== undefined || own.grammar !== undefined;
  const cuts = stopSequences.length > 0 && constrained;
  if (cuts) warn('stopSequences', 'A constrained answer ends where its constraint lets it.');
  if (reasoning !== undefined && reasoning !== 'provider-default' && reasoning !== 'none') {
    warn('reasoning', 'The models here do not reason apart from their answer.');
  }
  const named: GenerateOptions = {
    maxTokens: call.maxOutputTokens,
    temperature: call.temperature,
    topP: call.topP,
    topK: call.topK,
    frequencyPenalty: call.frequencyPenalty,
    presencePenalty: call.presencePenalty,
    seed: call.seed,
    stop: cuts ? undefined : stopSequences,
    ...constraint,
  };
  const given: GenerateOptions = Object.fromEntries(
    Object.entries({ ...named, ...own }).filter(([, value]) => value !== undefined),
  );
  const { seed = randomInt(2 ** 31) } = given;
  return {
    prompt: promptFor(model, call, calling, warnings),
    options: { ...given, seed },
    calling,
    warnings,
  };
}

function ownOptions(input: unknown): GenerateOptions & { method?: string } {
  const parsed = jsonOptions.safeParse(input ?? {});
  // Sampling options are checked by the engine, as all are.
  if (parsed.success) return parsed.data as GenerateOptions & { method?: string };
  const [issue] = parsed.error.issues;
  const name = issue.code === 'unrecognized_keys' ? issue.keys[0] : issue.path.join('.');
  const hint = `The options are ${Object.keys(jsonOptions.shape).join(', ')}.`;
  throw new QuickstepError('bad-option', `providerOptions.quickstep, "${name}": ${issue.message}.`, hint);
}

function callingOf(
  tools: NonNullable<LanguageModelV4CallOptions['tools']>,
  choice: LanguageModelV4ToolChoice | undefined,
  plain: boolean,
  warn: (feature: string, details: string) => void,
): Calling | undefined {
  const functions = tools.filter((tool): tool is LanguageModelV4FunctionTool => tool.type === 'function');
  if (functions.length < tools.length) warn('provider tools', 'Only functions can be called.');
  if (functions.length === 0 || choice?.type === 'none') return undefined;
  const optional = choice === undefined || choice.type === 'auto';
  if (optional && !plain) {
    const details =
      'Only an answer in text, of a model that writes from left to right, can turn into a call: the tools are ignored. Set toolChoice to "required".';
    warn('toolChoice "auto"', details);
    return undefined;
  }
  const callable =
    choice?.type === 'tool' ? functions.filter(({ name }) => name === choice.toolName) : functions;
  if (callable.length === 0) {
    const hint = `The tools are ${functions.map(({ name }) => name).join(', ')}.`;
    throw new QuickstepError('bad-option', 'toolChoice names no tool of the call.', hint);
  }
  return (optional ? maybeCallOf : callOf)(
    callable.map(({ name, description, inputSchema }) => ({
      name,
      description,
      parameters: inputSchema as Record<string, unknown>,
    })),
  );
}

function promptFor(
  model: LanguageModel,
  { prompt }: LanguageModelV4CallOptions,
  calling: Calling | undefined,
  warnings: SharedV4Warning[],
): Prompt {
  const plain = chatMessages(prompt);
  const messages = calling ? instruct(plain, calling) : plain;
  if (model.chatTemplate) return messages;
  const details = `${model.id} has no chat template: the texts go in as they are, one below the other.`;
  warnings.push({ type: 'compatibility', feature: 'chat', details });
  return messages.map(({ content }) => content).join('\n');
}
