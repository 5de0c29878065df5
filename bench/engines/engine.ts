/**
 * What the benchmark asks of an engine. Each engine runs in a child process of its own and answers one question
 * at a time; token ids are given, so no tokenizer is measured. Times are taken around the public API of each
 * engine, greedy, with the end token ignored.
 */

/** Reads `prompt` tokens and decodes `tokens` more. Answer: { first: ms to the first token, token: ms per further one }. */
export interface GenerateQuestion {
  kind: 'generate';
  prompt: number;
  tokens: number;
}

/** Decodes `sequences` prompts at once. Answer: { rate: tokens per second, once all prompts have been read }. */
export interface BatchQuestion {
  kind: 'batch';
  sequences: number;
  prompt: number;
  tokens: number;
}

/**
 * Scores new tokens after `context` cached ones, as verification does, for each number of rows. Answer: by number of
 * rows, ms of one forward, the median of `repeats`.
 */
export interface RowsQuestion {
  kind: 'rows';
  context: number;
  rows: readonly number[];
  repeats: number;
}

/**
 * Answers a prompt of token ids greedily, up to `maxTokens` or the end token. Answer: `seconds` in all and `first` until the
 * first token, the number of `tokens`, and a `digest` that tells answers apart; where drafts are verified also
 * `forwards`, and by level from 1 on how often a place was drafted and was right (`drafted.1`, `accepted.1`, …).
 */
export interface AnswerQuestion {
  kind: 'answer';
  prompt: readonly number[];
  maxTokens: number;
  /** How the engine drafts, by a name of its own; without it one token at a time. */
  drafts?: string;
}

export type Question = GenerateQuestion | BatchQuestion | RowsQuestion | AnswerQuestion;

/** Numbers by name. */
export type Answer = Record<string, number>;

export interface Engine {
  generate(question: GenerateQuestion): Promise<Answer>;
  batch(question: BatchQuestion): Promise<Answer>;
  rows(question: RowsQuestion): Promise<Answer>;
  /** Engines that answer prompts with drafts. */
  answer?(question: AnswerQuestion): Promise<Answer>;
}

/** A number that tells lists of tokens apart (FNV-1a over the ids, 32 bits). */
export function digestOf(tokens: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const token of tokens) hash = Math.imul(hash ^ token, 0x01000193) >>> 0;
  return hash;
}

/** Where an engine finds its weights, and how much it may use. */
export interface EngineOptions {
  /** Weight file or folder. */
  path: string;
  threads: number;
  /** Longest sequence that will be asked for. */
  contextLength: number;
}

/** The same prompt for all engines, [length]; `seed` tells the sequences of a batch apart. */
export function promptTokens(length: number, seed = 0): number[] {
  return Array.from({ length }, (_, i) => 100 + ((i * 7919 + seed * 104_729) % 40_000));
}

/** Gathers when tokens arrive, and turns that into the answer of a `GenerateQuestion`. */
export class TokenClock {
  readonly #started = performance.now();
  #first = 0;
  #last = 0;
  #count = 0;

  tick(): void {
    this.#last = performance.now();
    if (this.#count++ === 0) this.#first = this.#last;
  }

  answer(tokens: number): Answer {
    if (this.#count !== tokens) throw new Error(`the engine gave ${this.#count} tokens of ${tokens}`);
    return { first: this.#first - this.#started, token: (this.#last - this.#first) / (tokens - 1) };
  }
}

/** Answers a `RowsQuestion` with an engine's `score`, which scores rows without keeping them. */
export async function timeRows(
  { rows, repeats }: RowsQuestion,
  score: (tokens: number[]) => Promise<unknown>,
): Promise<Answer> {
  const answer: Answer = {};
  for (const count of rows) {
    const tokens = promptTokens(count, 1);
    const times: number[] = [];
    await score(tokens);
    for (let i = 0; i < repeats; i++) {
      const started = performance.now();
      await score(tokens);
      times.push(performance.now() - started);
    }
    answer[count] = median(times);
  }
  return answer;
}

/** The middle value; the mean of the two middle ones for an even count. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
