/**
 * When to stop, and what text may be shown meanwhile. Stop strings are matched over streamed text by an
 * Aho-Corasick automaton (Aho and Corasick 1975) on UTF-16 code units: one pass, independent of how the text is cut
 * into deltas. A suffix that could still become a stop string is held back, so no part of the stop string that ends
 * the text is ever emitted.
 * Which match counts: the one that is complete first, since decoding stops there; of several that end at the same
 * character, the longest.
 */
import { QuickstepError } from '../errors.ts';

/** Why decoding ended: a stop string, an end-of-sequence token, or the token limit. */
export type StopReason = 'stop' | 'eos' | 'length';

export type StopperOptions = {
  /** Tokens that end the sequence; their text is not emitted. */
  eosIds?: Iterable<number>;
  /** Strings that end the text; not emitted themselves. */
  stop?: readonly string[];
  /** Number of tokens, the end-of-sequence token included, after which to stop; unlimited when not given. */
  maxTokens?: number;
};

export type StopResult = {
  /** Text that is safe to emit now; once `done`, all that remains. */
  text: string;
  done?: StopReason;
  /** The stop string that was found, with `done: 'stop'`. */
  match?: string;
};

export interface Stopper {
  /**
   * Takes the next token and the text it adds, which may be empty while a character is incomplete.
   * Must not be called again after `done`.
   */
  push(token: number, textDelta: string): StopResult;
  /** Text still held back, for when decoding ends for another reason (abort, full context). Empty after `done`. */
  flush(): string;
}

/** A prefix of one or more stop strings. */
type State = {
  next: Map<number, State>;
  /** The longest proper suffix that is also a prefix of a stop string; undefined at the root. */
  fail?: State;
  depth: number;
  /** The longest stop string that ends here. */
  match?: string;
};

/**
 * The automaton of the stop strings; its root.
 * @throws QuickstepError `bad-option` for an empty string or half a surrogate pair
 */
function buildAutomaton(stop: readonly string[]): State {
  const root: State = { next: new Map(), depth: 0 };
  for (const text of stop) {
    if (text === '' || /\p{Surrogate}/u.test(text)) {
      const problem = text === '' ? 'is empty' : 'holds half a surrogate pair';
      throw new QuickstepError('bad-option', `A stop string ${problem}.`, 'Give whole, non-empty text.');
    }
    let state = root;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      let child = state.next.get(unit);
      if (!child) {
        child = { next: new Map(), fail: root, depth: index + 1 };
        state.next.set(unit, child);
      }
      state = child;
    }
    state.match = text;
  }
  // Breadth first: the failure state of a child is shallower, hence finished.
  const queue: State[] = [...root.next.values()];
  for (const state of queue) {
    for (const [unit, child] of state.next) {
      child.fail = advance(root, state.fail!, unit);
      child.match ??= child.fail.match;
      queue.push(child);
    }
  }
  return root;
}

function advance(root: State, from: State, unit: number): State {
  for (let state: State | undefined = from; state; state = state.fail) {
    const child = state.next.get(unit);
    if (child) return child;
  }
  return root;
}

/**
 * Builds a stopper for one sequence. Time is linear in the text.
 * @throws QuickstepError `bad-option` for an empty or broken stop string or a `maxTokens` that is not a whole number
 */
export function createStopper({ eosIds = [], stop = [], maxTokens }: StopperOptions): Stopper {
  if (maxTokens !== undefined && !(Number.isSafeInteger(maxTokens) && maxTokens >= 0)) {
    throw new QuickstepError('bad-option', `maxTokens is ${maxTokens}.`, 'Give a whole number from 0 up.');
  }
  const ends = new Set(eosIds);
  const root = buildAutomaton(stop);
  let state = root;
  let held = '';
  let tokens = 0;
  let ended = false;

  function flush(): string {
    const text = held;
    held = '';
    state = root;
    return text;
  }

  function finish(done: StopReason, text: string, match?: string): StopResult {
    ended = true;
    held = '';
    return match === undefined ? { text, done } : { text, done, match };
  }

  function push(token: number, textDelta: string): StopResult {
    if (ended) throw new Error('token pushed after the end of the sequence');
    tokens++;
    if (ends.has(token)) return finish('eos', held);
    for (let index = 0; index < textDelta.length; index++) {
      state = advance(root, state, textDelta.charCodeAt(index));
      if (state.match !== undefined) {
        const end = held.length + index + 1;
        return finish('stop', (held + textDelta).slice(0, end - state.match.length), state.match);
      }
    }
    held += textDelta;
    if (maxTokens !== undefined && tokens >= maxTokens) return finish('length', held);
    const safe = held.length - state.depth;
    if (safe === 0) return { text: '' };
    const text = held.slice(0, safe);
    held = held.slice(safe);
    return { text };
  }

  return { push, flush };
}
