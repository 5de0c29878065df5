/** A text in a lane of a model of its own: read on as it grows, taken back to where it changed. */

import type { Sequence } from '../../cache/index.ts';
import type { Scores } from '../../models/forward.ts';
import type { DraftLane } from './draft-lanes.ts';

/** Rows of a forward that reads the text. */
const readRows = 512;

/** What reading has taken. */
export interface ReadCounts {
  forwards: number;
  rows: number;
}

export class LaneReader {
  readonly #lane: DraftLane;
  readonly #sequence: Sequence;
  readonly #counts: ReadCounts;
  #read: number[] = [];

  /** @param counts Added to by each forward. */
  constructor(lane: DraftLane, counts: ReadCounts = { forwards: 0, rows: 0 }) {
    this.#lane = lane;
    this.#sequence = lane.cache.slots.createSequence();
    this.#counts = counts;
  }

  /** Whether the model's context holds a text of so many tokens. */
  holds(length: number): boolean {
    return length <= this.#lane.contextLength;
  }

  /**
   * Scores of what follows `tokens`, at index 0; valid until the next forward.
   * @throws As the model's `forwardLanes`.
   */
  async after(tokens: readonly number[], logits: boolean): Promise<Scores> {
    const { cache } = this.#lane;
    let agreed = 0;
    // The last token is read again where it was read: its scores are needed.
    while (agreed < tokens.length - 1 && tokens[agreed] === this.#read[agreed]) agreed++;
    cache.slots.crop(this.#sequence, agreed);
    this.#read = this.#read.slice(0, agreed);
    for (;;) {
      const rows = tokens.slice(this.#read.length, this.#read.length + readRows);
      const isLast = this.#read.length + rows.length === tokens.length;
      const scored = isLast ? [rows.length - 1] : [];
      const group = { sequence: this.#sequence, tokens: rows, scored };
      const { newRows, scores, rows: count } = await this.#lane.forward([group], logits);
      cache.commit(this.#sequence, newRows, [...rows.keys()]);
      this.#read.push(...rows);
      this.#counts.forwards++;
      this.#counts.rows += count;
      if (isLast) return scores[0];
    }
  }
}
