/** Who takes part in a forward: which prompts are read in it, how much of them, and whether others decode beside them. */

import type { Run } from './run.ts';

/** A run as far as its turns go. */
interface Reader {
  readonly run: Run;
  /** What it has to read is no part of its own proposals. */
  readonly readsAhead: boolean;
  /** Tokens that are to be cached before it decodes. */
  unread(): readonly number[];
}

/** A part in a forward: the run's own proposal, or the first `rows` of what it has not read yet. */
export interface Turn<R extends Reader = Reader> {
  readonly worker: R;
  readonly unread?: readonly number[];
  readonly rows?: number;
}

type Reading<R extends Reader> = Required<Pick<Turn<R>, 'worker' | 'unread'>>;

/**
 * The next forward of some runs, first come, first served. Runs that share a lane decode beside those that read, which fill the
 * budget. Where each has a lane, lanes are padded to the longest: then those that read have the forward to themselves.
 * @param budget Most rows of a forward in which prompts are read, padding included. Every decoding run of a lane that is shared
 * has its rows all the same.
 */
export function turnsOf<R extends Reader>(workers: readonly R[], budget: number): Turn<R>[] {
  const turns = workers.map((worker) => ({ worker, unread: worker.unread() }));
  const reading = turns.filter(({ unread }) => unread.length > 0);
  const decoding: Turn<R>[] = turns
    .filter(({ unread }) => unread.length === 0)
    .map(({ worker }) => ({ worker }));
  const shared = workers.every(({ run }) => run.cache === workers[0].run.cache);
  if (reading.length === 0) return decoding;
  const chosen = shared ? decoding : [];
  let room = Math.max(1, budget - chosen.length);
  for (const { worker, unread } of shared ? reading : sideBySide(reading, budget)) {
    if (room === 0) break;
    const rows = Math.min(room, unread.length);
    const whole = rows === unread.length && !worker.readsAhead;
    chosen.push(whole ? { worker } : { worker, unread, rows });
    room -= rows;
  }
  return chosen;
}

/** Forwards between two turns of reading: three prompts cost less together than one by one. */
const decodesBetween = 3;

/**
 * Where runs with a lane each come and go: they decode in some forwards, then prompts are read, up to the budget. A prompt that
 * goes on behind a cached prefix cannot be read beside others, so a turn of reading may take several forwards.
 */
export class AlternatingTurns<R extends Reader> {
  #decodes = decodesBetween;
  /** Those whose turn it is to be read, and the rows that were read in this turn. */
  #beingRead: readonly R[] = [];
  #rowsRead = 0;

  /** The next forward, as `turnsOf` tells it. */
  next(workers: readonly R[], budget: number): Turn<R>[] {
    const reading = workers.filter((worker) => worker.unread().length > 0);
    const decoding = workers.filter((worker) => !reading.includes(worker));
    const room = budget - this.#rowsRead;
    const fits = (worker: R) => reading.includes(worker) && worker.unread().length <= room;
    this.#beingRead = this.#rowsRead > 0 ? this.#beingRead.filter(fits) : [];
    if (this.#beingRead.length === 0) {
      this.#rowsRead = 0;
      if (this.#decodes >= decodesBetween || decoding.length === 0) this.#beingRead = reading;
    }
    if (this.#beingRead.length === 0) {
      this.#decodes++;
      return turnsOf(decoding, budget);
    }
    this.#decodes = 0;
    const turns = turnsOf(this.#beingRead, budget - this.#rowsRead);
    this.#rowsRead += turns.reduce((sum, { worker, rows }) => sum + (rows ?? worker.unread().length), 0);
    return turns;
  }
}

/** Least share of a forward's rows that is not padding. */
const leastFilled = 0.75;

/**
 * The first that reads, and those that can read beside it, each in its lane. Only where nothing is cached yet: a forward that
 * reads slots takes the lanes between its lanes along.
 */
function sideBySide<R extends Reader>(reading: readonly Reading<R>[], budget: number): Reading<R>[] {
  const begins = ({ worker }: Reading<R>) => worker.run.sequence.length === 0;
  const [first, ...others] = reading;
  const chosen = [first];
  if (!begins(first)) return chosen;
  let longest = first.unread.length;
  let filled = longest;
  for (const turn of others.filter(begins)) {
    const rows = turn.unread.length;
    const padded = (chosen.length + 1) * Math.max(longest, rows);
    if (padded > budget || filled + rows < leastFilled * padded) continue;
    chosen.push(turn);
    longest = Math.max(longest, rows);
    filled += rows;
  }
  return chosen;
}
