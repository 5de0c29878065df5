/**
 * A function call as a constraint: the answer is JSON under the schema of the function's arguments, or, where there is a
 * choice, of a function's name and its arguments.
 */

export interface FunctionTool {
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>> | boolean;
}

export interface FunctionCall {
  readonly name: string;
  /** JSON. */
  readonly arguments: string;
}

/** What calling one of some functions demands of an answer. */
export interface Calling {
  readonly schema: Readonly<Record<string, unknown>> | boolean;
  /** What the model is to be told, before the conversation. */
  readonly instructions: string;
  /** The call that a finished answer says. */
  read(text: string): FunctionCall;
}

/** @param tools at least one */
export function callOf(tools: readonly FunctionTool[]): Calling {
  const lines = tools.map((tool) => JSON.stringify(tool));
  const told = (form: string) =>
    `Call one of these functions. Answer with ${form} and nothing else.\n${lines.join('\n')}`;
  if (tools.length === 1) {
    const [{ name, parameters }] = tools;
    return {
      schema: parameters,
      instructions: told('its arguments as JSON'),
      read: (text) => ({ name, arguments: text }),
    };
  }
  const anyOf = tools.map(({ name, parameters }) => ({
    type: 'object',
    properties: { name: { const: name }, arguments: parameters },
    required: ['name', 'arguments'],
    additionalProperties: false,
  }));
  return {
    schema: { anyOf },
    instructions: told('JSON of its name and arguments'),
    read: (text) => {
      const { name, arguments: input } = JSON.parse(text) as { name: string; arguments: unknown };
      return { name, arguments: JSON.stringify(input) };
    },
  };
}

/** A conversation that begins with the instructions, as a part of its system text. */
export function instruct<M extends { role: string; content: string }>(
  messages: readonly M[],
  { instructions }: Calling,
): (M | { role: 'system'; content: string })[] {
  const [first, ...rest] = messages;
  return first?.role === 'system'
    ? [{ ...first, content: `${first.content}\n\n${instructions}` }, ...rest]
    : [{ role: 'system', content: instructions }, ...messages];
}
