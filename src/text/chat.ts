/**
 * Chat templates: the Jinja text a model carries, rendered to the prompt it was trained on (as transformers'
 * `apply_chat_template`). The template is untrusted: it sees only the values given here, has no files and no
 * code, and its size and its work (and with it the prompt) are bounded.
 */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { QuickstepError } from '../errors.ts';

export interface ChatMessage {
  role: string;
  content: string;
}

/** A tool as OpenAI's API describes it: `{ type: 'function', function: { name, description, parameters } }`. */
export type ChatTool = Readonly<Record<string, unknown>>;

export interface RenderOptions {
  /** End with the opening of the assistant's turn; default false. */
  readonly addGenerationPrompt?: boolean;
  readonly tools?: readonly ChatTool[];
}

export interface ChatTemplate {
  /**
   * The prompt for a conversation. It holds special tokens as text: encode it with `addSpecialTokens: false`.
   * @throws QuickstepError `bad-input` when the template refuses the messages or fails on them.
   */
  render(messages: readonly ChatMessage[], options?: RenderOptions): string;
}

/** Characters of a template; the longest published ones have about 20,000. */
const longestTemplate = 1 << 17;
/**
 * Work a template may do for one prompt: a unit for each node it evaluates, for each number of a range and for
 * each 1,024 characters of a value. Tens of messages take some thousands; all of it takes a few seconds.
 */
const mostWork = 300_000;

/** The part of @huggingface/jinja's runtime used here; its own types do not resolve from an ES module. */
interface JinjaValue {
  readonly value: unknown;
}
interface JinjaInterpreter {
  evaluate(statement: unknown, environment: unknown): JinjaValue;
  run(program: unknown): JinjaValue;
}
interface JinjaEnvironment {
  set(name: string, value: unknown): void;
}
const JinjaEnvironment: new () => JinjaEnvironment = Environment;
const JinjaInterpreter: new (environment: JinjaEnvironment) => JinjaInterpreter = Interpreter;

class BoundedInterpreter extends JinjaInterpreter {
  #work = 0;

  spend(work: number): void {
    this.#work += work;
    if (!(this.#work <= mostWork)) throw new Error('the template does not come to an end');
  }

  override evaluate(statement: unknown, environment: unknown): JinjaValue {
    this.spend(1);
    const result = super.evaluate(statement, environment);
    if (typeof result.value === 'string') this.spend(result.value.length / 1024);
    return result;
  }
}

/**
 * Parses a template.
 * @param tokens texts of the special tokens, which templates know as `bos_token` and `eos_token`.
 * @throws QuickstepError `bad-file` when it is too long or no valid template.
 */
export function createChatTemplate(template: string, tokens: { bos?: string; eos?: string }): ChatTemplate {
  const program = parseTemplate(template);
  return {
    render(messages, { addGenerationPrompt = false, tools } = {}) {
      const environment = new JinjaEnvironment();
      const interpreter = new BoundedInterpreter(environment);
      const values = {
        ...globalsOf(interpreter),
        messages,
        add_generation_prompt: addGenerationPrompt,
        tools: tools ?? null,
        bos_token: tokens.bos ?? '',
        eos_token: tokens.eos ?? '',
      };
      try {
        for (const [name, value] of Object.entries(values)) environment.set(name, value);
        const prompt = interpreter.run(program).value;
        if (typeof prompt !== 'string') throw new Error('it does not make text');
        return prompt;
      } catch (cause) {
        throw new QuickstepError(
          'bad-input',
          `The chat template cannot render these messages: ${cause instanceof Error ? cause.message : cause}.`,
          'Check the roles and their order, or give the prompt as plain text.',
          { cause },
        );
      }
    },
  };
}

/** What transformers lets every template use. */
function globalsOf(interpreter: BoundedInterpreter): Record<string, unknown> {
  return {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    range: (first: number, second?: number, step = 1) => {
      const [start, stop] = second === undefined ? [0, first] : [first, second];
      const length = Math.max(0, Math.ceil((stop - start) / step));
      interpreter.spend(length);
      return Array.from({ length }, (_, i) => start + i * step);
    },
    raise_exception: (message: unknown) => {
      throw new Error(String(message));
    },
    strftime_now: (format: string) => formatDate(new Date(), format),
  };
}

function parseTemplate(template: string) {
  if (template.length > longestTemplate) {
    throw badTemplate(`has ${template.length} characters; the limit is ${longestTemplate}`);
  }
  try {
    return parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }));
  } catch (cause) {
    throw badTemplate(`is not valid: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
}

function badTemplate(what: string, cause?: unknown): QuickstepError {
  return new QuickstepError(
    'bad-file',
    `The chat template ${what}.`,
    'Use the template published with the model, or give the prompt as plain text.',
    { cause },
  );
}

/** The codes of C's strftime that chat templates use; others stay as they are. */
function formatDate(date: Date, format: string): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const name = (options: Intl.DateTimeFormatOptions): string => date.toLocaleDateString('en-US', options);
  const codes: Readonly<Record<string, () => string>> = {
    a: () => name({ weekday: 'short' }),
    A: () => name({ weekday: 'long' }),
    b: () => name({ month: 'short' }),
    B: () => name({ month: 'long' }),
    d: () => two(date.getDate()),
    m: () => two(date.getMonth() + 1),
    y: () => two(date.getFullYear() % 100),
    Y: () => String(date.getFullYear()),
    H: () => two(date.getHours()),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    '%': () => '%',
  };
  return format.replace(/%([aAbBdmyYHMS%])/g, (_, code: string) => codes[code]());
}
