/** OpenAI's function calls. */

import { randomUUID } from 'node:crypto';
import {
  type Calling,
  callOf,
  type FunctionCall,
  maybeCallOf,
} from '../../decode/constrained/function-call.ts';
import { ApiError } from '../api-error.ts';
import type { ChatBody } from './fields.ts';

/** @throws ApiError 400 for a choice that cannot be kept, or of a function that is not there */
export function callingOf({
  tools: given,
  tool_choice: choice,
  response_format: format,
}: ChatBody): Calling | undefined {
  const tools = given ?? [];
  const optional = choice === 'auto' || !choice;
  if (choice === 'none' || (optional && tools.length === 0)) return undefined;
  if (format && format.type !== 'text') {
    const message = 'A function call has the format of its arguments: leave response_format out.';
    throw new ApiError(400, 'unsupported_value', message, { param: 'response_format' });
  }
  const name = choice && typeof choice === 'object' ? choice.function.name : undefined;
  const callable = name === undefined ? tools : tools.filter((tool) => tool.function.name === name);
  if (callable.length === 0) {
    const message =
      name === undefined ? 'There are no tools.' : `There is no function "${name}" among the tools.`;
    throw new ApiError(400, 'invalid_value', message, { param: 'tool_choice' });
  }
  return (optional ? maybeCallOf : callOf)(
    callable.map(({ function: { name, description, parameters } }) => ({
      name,
      description: description ?? undefined,
      parameters: parameters ?? { type: 'object' },
    })),
  );
}

/** A call as the answer's message carries it. */
export function toolCall(call: FunctionCall) {
  const id = `call_${randomUUID().replaceAll('-', '')}`;
  return { id, type: 'function' as const, function: call };
}
