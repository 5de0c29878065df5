/**
 * What goes into one forward and what comes out, as policies see it: groups of rows, lane by lane, to the
 * program's tensors and back.
 */

import {
  type Attention,
  buildRows,
  type KvCache,
  masked,
  type NewRows,
  type RowScratch,
  type Rows,
  type Sequence,
} from '../cache/index.ts';
import { QuickstepError } from '../errors.ts';
import { float32, type Tensor, tensor } from '../graph/index.ts';
import type { LlamaConfig } from './config.ts';

/**
 * What a row is fed in place of one token: Σ weight · embedding(token). Superposed drafts are such rows, and soft tokens,
 * which average over what the next one may be.
 */
export type Mixture = readonly (readonly [token: number, weight: number])[];

/** New rows of one sequence to run. */
export interface ScoreGroup {
  sequence: Sequence;
  /** Token ids or mixtures of tokens, [rows]. */
  tokens: ArrayLike<number | Mixture>;
  /** Draft tree: parent row of each row, see `RowGroup.parents`; a chain without it. */
  parents?: ArrayLike<number>;
  /** Whether rows see what lies behind them; as the forward's option without it. */
  attention?: Attention;
  /** Position of the first row in a gap of the sequence, see `RowGroup.from`; behind the sequence without it. */
  from?: number;
  /** Rows of this group whose next-token distribution is wanted, ascending. */
  scored: ArrayLike<number>;
}

/** The groups of one cache. */
export interface ScoreLane {
  cache: KvCache;
  groups: readonly ScoreGroup[];
}

export interface ForwardOptions {
  /** Copy whole rows of logits out; otherwise only the reduced scores leave the graph. */
  logits?: boolean;
  /** For groups that do not say it themselves; default 'causal'. */
  attention?: Attention;
  /** Copy the K/V of the new rows out; default true. Without them nothing of the forward can be cached. */
  newRows?: boolean;
  /** Copy the last layer's results for all rows out, for what drafts from them; default false. */
  states?: boolean;
}

/** The model's answer for one group's scored rows, in their order. */
export interface Scores {
  /** Most likely next token, the lowest id on ties. */
  topToken(index: number): number;
  /** Natural log of its probability. */
  topLogProb(index: number): number;
  /** Raw logits [vocab]; only when asked for. A view, valid until the next forward. */
  logits(index: number): Float32Array;
}

/** One lane's results. */
export interface Forward {
  /** New K/V rows, for `KvCache.commit`; only when asked for. */
  newRows: NewRows;
  /** First row of each group. */
  offsets: readonly number[];
  scores: readonly Scores[];
  /**
   * The residual stream behind the last layer [rows, hidden], in the program's basis (see draft-base.ts); only when
   * asked for, together with new rows. A view.
   */
  states?: Float32Array;
  /** Rows run, all groups of the lane together. */
  rows: number;
  /**
   * Further outputs the program was built with (`hidden.<n>`, `attention.<n>`, `final`), of all lanes together and
   * with their padding.
   */
  outputs: Readonly<Record<string, Tensor>>;
}

/** The lanes' rows as program inputs, and where each lane lies in them. */
export interface Batch {
  inputs: Record<string, Tensor>;
  /** In the order of the given lanes; of the groups when nothing is read from a cache nor kept. */
  places: readonly { lane: number; built: Rows }[];
  /** Rows of a lane, padding included. */
  rows: number;
  lanes: number;
}

const sizeOf = (groups: readonly ScoreGroup[]): number =>
  groups.reduce((sum, { tokens }) => sum + tokens.length, 0);

/** Which lane of the program runs which groups, and the slots these read. */
interface Plan {
  columns: readonly { lane: number; groups: readonly ScoreGroup[] }[];
  lanes: number;
  capacity: number;
  past(kind: 'key' | 'value', layer: number): Float32Array;
}

/**
 * A lane for each cache, as they lie in the store. Where nothing is read from it, no slot takes part (or the fewest that the
 * program takes, masked), and lanes go without those between them; groups that leave nothing either get a lane each, so that nobody computes masked scores
 * against another group.
 */
function plan(lanes: readonly ScoreLane[], newRows: boolean, leastSlots: number): Plan {
  const { store, capacity } = lanes[0].cache;
  if (lanes.some(({ cache }) => cache.store !== store)) throw new Error('lanes of one forward share a store');
  const groups = lanes.flatMap((lane) => lane.groups);
  if (groups.every(({ sequence }) => sequence.length === 0)) {
    const parts = newRows ? lanes.map((lane) => lane.groups) : groups.map((group) => [group]);
    const columns = parts.map((part, lane) => ({ lane, groups: part }));
    const { kvHeads, headDim, valueDim } = store.shape;
    const past = (kind: 'key' | 'value') =>
      new Float32Array(columns.length * kvHeads * leastSlots * (kind === 'key' ? headDim : valueDim));
    return { columns, lanes: columns.length, capacity: leastSlots, past };
  }
  const first = Math.min(...lanes.map(({ cache }) => cache.lane));
  const count = Math.max(...lanes.map(({ cache }) => cache.lane)) - first + 1;
  return {
    columns: lanes.map(({ cache, groups }) => ({ lane: cache.lane - first, groups })),
    lanes: count,
    capacity,
    past: (kind, layer) => store[kind](layer, first, count),
  };
}

/**
 * Lays the lanes out side by side, padded to equally many rows. Lanes between the first and the last that have no
 * rows of their own are padding as well.
 * @param leastSlots 1 where the program takes no empty tensors.
 * @throws QuickstepError 'bad-input' for a token outside the vocabulary, a mixture of nothing, a weight that is not finite,
 * or a row beyond the context.
 */
export function layOut(
  given: readonly ScoreLane[],
  config: LlamaConfig,
  { attention = 'causal', newRows = true }: ForwardOptions,
  scratch: RowScratch,
  leastSlots = 0,
): Batch {
  const { columns, lanes: count, capacity, past } = plan(given, newRows, leastSlots);
  const rows = Math.max(...columns.map(({ groups }) => sizeOf(groups)));

  const width = capacity + rows;
  const alone = count === 1;
  const fed = new Fed(count * rows, columns);
  const positions = new Int32Array(alone ? 0 : count * rows);
  const bias = new Float32Array(alone ? 0 : count * rows * width);
  if (columns.length < count) padLanes(bias, count * rows, rows, width, capacity);
  const headRows: number[] = [];
  const places = columns.map(({ lane, groups }) => {
    const rowGroups = groups.map(({ sequence, tokens, parents, attention, from }) => ({
      sequence,
      rows: tokens.length,
      parents,
      attention,
      from,
    }));
    const options = { attention, window: config.slidingWindow, padTo: rows };
    const built = buildRows(rowGroups, capacity, options, scratch);
    groups.forEach(({ tokens, scored }, group) => {
      const offset = lane * rows + built.offsets[group];
      fed.place(tokens, offset);
      for (let i = 0; i < scored.length; i++) headRows.push(offset + scored[i]);
    });
    checkPositions(built.positions, config.contextLength);
    if (!alone) {
      positions.set(built.positions, lane * rows);
      bias.set(built.bias, lane * rows * width);
    }
    return { lane, built };
  });
  checkTokens(fed.ids, config.vocabSize);
  // The head always gets a row: some providers refuse empty products.
  if (headRows.length === 0) headRows.push(rows - 1);

  const inputs: Record<string, Tensor> = {
    ids: tensor('int32', [count, rows, fed.parts], fed.ids),
    weights: float32([count, rows, fed.parts, 1], fed.weights),
    positions: tensor('int32', [count, rows], alone ? places[0].built.positions : positions),
    bias: float32([count, 1, rows, width], alone ? places[0].built.bias : bias),
    headRows: tensor('int32', [headRows.length], Int32Array.from(headRows)),
  };
  const shape = [count, config.kvHeads, capacity, config.headDim];
  for (let layer = 0; layer < config.layers; layer++) {
    inputs[`pastKey.${layer}`] = float32(shape, past('key', layer));
    inputs[`pastValue.${layer}`] = float32(shape, past('value', layer));
  }
  return { inputs, places, rows, lanes: count };
}

/** What all rows are fed; those of fewer parts than the most have parts of weight 0 besides. */
class Fed {
  /** Most parts of a row. */
  readonly parts: number;
  /** [rows, parts] */
  readonly ids: Int32Array;
  readonly weights: Float32Array;

  constructor(rows: number, columns: Plan['columns']) {
    let parts = 1;
    for (const { groups } of columns)
      for (const { tokens } of groups)
        for (let row = 0; row < tokens.length; row++) parts = Math.max(parts, partsOf(tokens[row]));
    this.parts = parts;
    this.ids = new Int32Array(rows * parts);
    this.weights = new Float32Array(rows * parts);
    // Padding is a token like any other.
    for (let row = 0; row < rows; row++) this.weights[row * parts] = 1;
  }

  /** Rows from number `first` on. */
  place(tokens: ScoreGroup['tokens'], first: number): void {
    for (let row = 0; row < tokens.length; row++) {
      const start = (first + row) * this.parts;
      const input = tokens[row];
      const mixture: Mixture = typeof input === 'number' ? [[input, 1]] : input;
      for (const [part, [token, weight]] of mixture.entries()) {
        this.ids[start + part] = token;
        this.weights[start + part] = weight;
      }
    }
  }
}

function partsOf(input: number | Mixture): number {
  if (typeof input === 'number') return 1;
  if (input.length > 0 && input.every(([, weight]) => Number.isFinite(weight))) return input.length;
  const hint = 'Give each row at least one token, and finite weights.';
  throw new QuickstepError(
    'bad-input',
    'A row is a mixture of no tokens, or has a weight that is no number.',
    hint,
  );
}

/** Rows that see only themselves. */
function padLanes(bias: Float32Array, total: number, rows: number, width: number, capacity: number): void {
  bias.fill(masked);
  for (let row = 0; row < total; row++) bias[row * width + capacity + (row % rows)] = 0;
}

function checkTokens(ids: Int32Array, vocabSize: number): void {
  const wrong = ids.find((id) => id < 0 || id >= vocabSize);
  if (wrong === undefined) return;
  const hint = 'Was the text encoded with another tokenizer?';
  throw new QuickstepError('bad-input', `Token ${wrong} is outside the vocabulary of ${vocabSize}.`, hint);
}

function checkPositions(positions: Int32Array, contextLength: number): void {
  const wrong = positions.find((position) => position >= contextLength);
  if (wrong === undefined) return;
  const hint = 'Shorten the prompt or ask for fewer tokens.';
  throw new QuickstepError(
    'bad-input',
    `Position ${wrong} is beyond the context of ${contextLength} tokens.`,
    hint,
  );
}

/** Each lane's share of the program's outputs. */
export function takeApart(
  lanes: readonly ScoreLane[],
  batch: Batch,
  outputs: Readonly<Record<string, Tensor>>,
  config: LlamaConfig,
  kept = true,
): Forward[] {
  const { places, rows } = batch;
  let first = 0;
  const all = kept ? newRowsOf(batch, outputs, config) : undefined;
  return lanes.map(({ groups }, index) => {
    const scores = groups.map(({ scored }) => {
      const from = first;
      first += scored.length;
      return new HeadRows(outputs, from, config.vocabSize);
    });
    const used = sizeOf(groups);
    if (!all) return withoutRows({ scores, rows: used, outputs });
    const { lane, built } = places[index];
    const [start, end] = [lane * rows, lane * rows + used].map((row) => row * config.hiddenSize);
    const states = (outputs.states?.data as Float32Array | undefined)?.subarray(start, end);
    return { newRows: { ...all, lane }, offsets: built.offsets, scores, states, rows: used, outputs };
  });
}

/** New K/V rows of all lanes of the program, its outputs `key.<layer>` and `value.<layer>`. */
export function newRowsOf(
  { rows, lanes }: Pick<Batch, 'rows' | 'lanes'>,
  outputs: Readonly<Record<string, Tensor>>,
  { layers }: Pick<LlamaConfig, 'layers'>,
): NewRows {
  const all = (name: string) =>
    Array.from({ length: layers }, (_, layer) => outputs[`${name}.${layer}`].data as Float32Array);
  return { rows, lanes, keys: all('key'), values: all('value') };
}

/** A forward whose K/V stayed in the graph. */
function withoutRows(forward: Pick<Forward, 'scores' | 'rows' | 'outputs'>): Forward {
  const missing = (): never => {
    throw new Error('this forward was run without its K/V rows');
  };
  return Object.defineProperties(forward as Forward, {
    newRows: { get: missing },
    offsets: { get: missing },
  });
}

/**
 * The forward of a lane as each of its owners sees it, who gave `owned[i]` of its groups, in this order.
 */
export function shareOut(forward: Forward, owned: readonly (readonly ScoreGroup[])[]): Forward[] {
  if (owned.length === 1) return [forward];
  const hidden = forward.states ? forward.states.length / forward.rows : 0;
  let [group, row] = [0, 0];
  return owned.map((groups) => {
    const [first, offset] = [group, row];
    group += groups.length;
    row += sizeOf(groups);
    return {
      get newRows() {
        return { ...forward.newRows, offset };
      },
      get offsets() {
        return forward.offsets.slice(first, first + groups.length).map((start) => start - offset);
      },
      scores: forward.scores.slice(first, group),
      states: forward.states?.subarray(offset * hidden, row * hidden),
      rows: row - offset,
      outputs: forward.outputs,
    };
  });
}

/** A group's rows of the head's outputs, from row `#from` on. */
class HeadRows implements Scores {
  readonly #from: number;
  readonly #vocabSize: number;
  readonly #topToken: BigInt64Array;
  readonly #expSum: Float32Array;
  readonly #logits: Float32Array | undefined;

  constructor(outputs: Readonly<Record<string, Tensor>>, from: number, vocabSize: number) {
    this.#from = from;
    this.#vocabSize = vocabSize;
    this.#topToken = outputs.topToken.data as BigInt64Array;
    this.#expSum = outputs.expSum.data as Float32Array;
    this.#logits = outputs.logits?.data as Float32Array | undefined;
  }

  topToken(index: number): number {
    return Number(this.#topToken[this.#from + index]);
  }

  topLogProb(index: number): number {
    return -Math.log(this.#expSum[this.#from + index]);
  }

  logits(index: number): Float32Array {
    if (!this.#logits) throw new Error('this forward was run without logits');
    const start = (this.#from + index) * this.#vocabSize;
    return this.#logits.subarray(start, start + this.#vocabSize);
  }
}
