/**
 * Function calls as constraints. An answer that must be a call is JSON under the schema of the function's arguments, or, where
 * there is a choice, of a function's name and its arguments. An answer that may be one is text, and stands under that schema
 * from where the model writes `<tool_call>`, the form that Hermes, Qwen and SmolLM2 were trained to call in.
 */

import { jsonSchemaLanguage } from './json-schema/compile.ts';
import type { Language } from './language.ts';
import type { ConstraintOptions } from './options.ts';
import { Recent } from './recent.ts';
import { textOrCall } from './text-or-call.ts';

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

/** What an answer says: text, a call, or text and then a call. */
export interface Saying {
  readonly text: string;
  readonly call?: FunctionCall;
}

/** What calling one of some functions demands of an answer. */
export interface Calling {
  readonly constraint: Pick<ConstraintOptions, 'schema' | 'constraint'>;
  /** What the model is to be told, before the conversation. */
  readonly instructions: string;
  /** What an answer says; a call that was cut off is text. @param ended The model ended it, and no limit. */
  read(answer: string, ended: boolean): Saying;
  /** Makes a function that is given an answer piece by piece and returns what of it is text for certain. */
  listen(): (piece: string) => string;
}

const markers = ['<tool_call>', '</tool_call>'] as const;

/** A call as it stands in a conversation. */
export function writtenCall({ name, arguments: input }: FunctionCall): string {
  return `${markers[0]}\n{"name": ${JSON.stringify(name)}, "arguments": ${input}}\n${markers[1]}`;
}

/** JSON Schema of a function's name and arguments. References in parameters begin at them: an `$id` makes them a document. */
const namedCall = (tools: readonly FunctionTool[]) => ({
  anyOf: tools.map(({ name, parameters }, index) => ({
    type: 'object',
    properties: {
      name: { const: name },
      arguments: typeof parameters === 'boolean' ? parameters : { $id: `function:${index}`, ...parameters },
    },
    required: ['name', 'arguments'],
    additionalProperties: false,
  })),
});

function readCall(json: string): FunctionCall {
  const { name, arguments: input } = JSON.parse(json) as { name: string; arguments: unknown };
  return { name, arguments: JSON.stringify(input) };
}

const listed = (tools: readonly FunctionTool[]): string =>
  tools.map((tool) => JSON.stringify(tool)).join('\n');

/** The answer is a call. @param tools at least one */
export function callOf(tools: readonly FunctionTool[]): Calling {
  const told = (form: string) =>
    `Call one of these functions. Answer with ${form} and nothing else.\n${listed(tools)}`;
  const [{ name, parameters }] = tools;
  const alone = tools.length === 1;
  const read = (json: string) => (alone ? { name, arguments: json } : readCall(json));
  return {
    constraint: { schema: alone ? parameters : namedCall(tools) },
    instructions: told(alone ? 'its arguments as JSON' : 'JSON of its name and arguments'),
    read: (answer, ended) => (ended ? { text: '', call: read(answer) } : { text: answer }),
    listen: () => () => '',
  };
}

/** Languages of optional calls by their schema, so that one is compiled once for a vocabulary. */
const languages = new Recent<string, Language>(16);

/** The answer is text, a call, or text and then a call, as the model will have it. @param tools at least one */
export function maybeCallOf(tools: readonly FunctionTool[]): Calling {
  const [open, close] = markers;
  const schema = namedCall(tools);
  const calls = languages.of(JSON.stringify(schema), () => textOrCall(markers, jsonSchemaLanguage(schema)));
  return {
    constraint: { constraint: calls },
    instructions: `You may call one of these functions. To call one, end your answer with ${open}{"name": its name, "arguments": its arguments}${close}. Otherwise answer in text.\n${listed(tools)}`,
    read(answer) {
      const at = answer.indexOf(open);
      if (at === -1 || !answer.endsWith(close)) return { text: answer };
      try {
        return { text: answer.slice(0, at), call: readCall(answer.slice(at + open.length, -close.length)) };
      } catch {
        // Cut off within an argument, behind a marker that is a part of it.
        return { text: answer };
      }
    },
    listen() {
      let heard = '';
      let told = 0;
      return (piece) => {
        heard += piece;
        const at = heard.indexOf(open, told);
        const from = told;
        told = at === -1 ? heard.length - begun(heard) : at;
        return heard.slice(from, told);
      };
    },
  };
}

/** How many characters at the end of a text may be the beginning of a call. */
function begun(text: string): number {
  for (let length = Math.min(text.length, markers[0].length - 1); length > 0; length--) {
    if (markers[0].startsWith(text.slice(-length))) return length;
  }
  return 0;
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
