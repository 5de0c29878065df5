/**
 * Function calls. A call that must be made is a constraint: the answer is JSON under the schema of the function's
 * arguments, or of a choice between the functions. Whether to call at all is nothing a constraint can leave open, so
 * that `auto` is refused.
 */

import { randomUUID } from 'node:crypto';
import { ApiError } from '../api-error.ts';
import type { ChatBody, Tool } from './fields.ts';

/** What a request with tools demands of the answer. */
export interface Calling {
  /** Functions that may be called. */
  readonly tools: readonly Tool[];
  /** JSON Schema of the answer. */
  readonly schema: Readonly<Record<string, unknown>> | boolean;
  /** The call that a finished answer says. */
  call(text: string): { name: string; arguments: string };
}

const argumentsOf = ({ function: { parameters } }: Tool) => parameters ?? { type: 'object' };

/** @throws ApiError 400 for a choice that cannot be kept, or of a function that is not there */
export function callingOf({
  tools,
  tool_choice: choice,
  response_format: format,
}: ChatBody): Calling | undefined {
  if (!tools?.length || choice === 'none') return undefined;
  if (choice === 'auto' || !choice) {
    const message =
      'Whether to call a function is not left to the model here. Set tool_choice to "required", to a function, or to "none".';
    throw new ApiError(400, 'unsupported_value', message, { param: 'tool_choice' });
  }
  if (format && format.type !== 'text') {
    const message = 'A function call has the format of its arguments: leave response_format out.';
    throw new ApiError(400, 'unsupported_value', message, { param: 'response_format' });
  }
  const name = typeof choice === 'object' ? choice.function.name : undefined;
  const callable = name === undefined ? tools : tools.filter((tool) => tool.function.name === name);
  if (callable.length === 0) {
    throw new ApiError(400, 'invalid_value', `There is no function "${name}" among the tools.`, {
      param: 'tool_choice',
    });
  }
  if (callable.length === 1) {
    const [only] = callable;
    const call = (text: string) => ({ name: only.function.name, arguments: text });
    return { tools: callable, schema: argumentsOf(only), call };
  }
  return {
    tools: callable,
    schema: {
      anyOf: callable.map((tool) => ({
        type: 'object',
        properties: { name: { const: tool.function.name }, arguments: argumentsOf(tool) },
        required: ['name', 'arguments'],
        additionalProperties: false,
      })),
    },
    call: (text) => {
      const { name, arguments: input } = JSON.parse(text) as { name: string; arguments: unknown };
      return { name, arguments: JSON.stringify(input) };
    },
  };
}

/** What the model is told about the functions, before the conversation. */
export function instructions({ tools }: Calling): string {
  const lines = tools.map(({ function: { name, description, parameters } }) =>
    JSON.stringify({ name, description: description ?? undefined, parameters: parameters ?? undefined }),
  );
  const form = tools.length === 1 ? 'its arguments as JSON' : 'JSON with its name and arguments';
  return `Call one of these functions. Answer with ${form} and nothing else.\n${lines.join('\n')}`;
}

/** A call as the answer's message carries it. */
export function toolCall(calling: Calling, text: string) {
  const id = `call_${randomUUID().replaceAll('-', '')}`;
  return { id, type: 'function' as const, function: calling.call(text) };
}
