/**
 * A masked-diffusion model in plain TypeScript for tests of canvas methods: the logits of a position are a function of
 * all tokens, masks included. What is cached of a token is its id and its position, so that a kept row is as good as one
 * that is run, as long as it is the right one. Test support.
 */

import { KvBatch } from '../../cache/index.ts';
import type { Forward, ForwardOptions, ScoreGroup, ScoreLane, Scores } from '../../models/forward.ts';
import type { Corruption } from '../corruption.ts';
import { decode } from '../loop.ts';
import { type Method, type MethodOptions, parseMethodOptions } from '../method.ts';
import { normal } from '../random.ts';
import type { Masking, Run } from '../run.ts';
import { argmax } from '../sampling/select.ts';
import { logSoftmaxAt } from '../sampling/softmax.ts';
import type { Step } from '../step.ts';
import { newRun, type TokenRunOptions } from './decode-tokens.ts';

/** Logits [vocabulary] of one position of a whole text. */
export type CanvasLogits = (tokens: readonly number[], position: number) => Float32Array;

/**
 * A random language on a canvas: a token depends on its neighbours and on how many masks there are, so that every
 * commit changes every prediction. The mask is never predicted.
 * @param scale Standard deviation of the logits.
 */
export function canvasLanguage(seed: number, vocabulary: number, maskId: number, scale = 2): CanvasLogits {
  return (tokens, position) => {
    const [left, right] = [tokens[position - 1] ?? vocabulary, tokens[position + 1] ?? vocabulary];
    const masks = tokens.filter((token) => token === maskId).length;
    const logits = Float32Array.from(
      { length: vocabulary },
      (_, token) =>
        scale *
        normal({ seed, stream: 100 + left, step: right * 64 + masks, position: position * 64 + token }),
    );
    logits[maskId] = -1e9;
    return logits;
  };
}

const noScores: Scores = {
  topToken: () => Number.NaN,
  topLogProb: () => Number.NaN,
  logits: () => new Float32Array(0),
};

/** A scorer over `logitsOf`, the batch of its runs, and what it was asked for. */
export function canvasModel(logitsOf: CanvasLogits) {
  const batch = new KvBatch({ layers: 1, kvHeads: 1, headDim: 1 });
  const forwards: (readonly ScoreGroup[])[] = [];

  /** The whole text that a group's rows see: cached tokens, and its own in the gap between them. */
  function textOf({ tokens, sequence, from = sequence.nextPosition }: ScoreGroup, lane: number): number[] {
    const [keys, values] = [batch.store.key(0, lane), batch.store.value(0, lane)];
    const text: number[] = [];
    for (const [entry, slot] of sequence.slots.entries()) {
      if (values[slot] !== sequence.positions[entry]) throw new Error(`slot ${slot} is of another place`);
      text[values[slot]] = keys[slot];
    }
    for (let row = 0; row < tokens.length; row++) {
      if (text[from + row] !== undefined) throw new Error(`position ${from + row} is cached and run`);
      text[from + row] = tokens[row] as number;
    }
    if (text.includes(undefined as never)) throw new Error('a position is neither cached nor run');
    return text;
  }

  function runGroup(group: ScoreGroup, lane: number): Scores {
    const { scored, tokens, attention, sequence, from = sequence.nextPosition } = group;
    // A prompt that the loop reads.
    if (scored.length === 0) return noScores;
    if (attention !== 'bidirectional') throw new Error('not a canvas');
    if (Array.from(scored).some((row) => !(row in tokens)))
      throw new Error('a row is scored that is not run');
    const text = textOf(group, lane);
    const rows = Array.from(scored, (row) => logitsOf(text, from + row));
    return {
      topToken: (index) => argmax(rows[index]),
      topLogProb: (index) => logSoftmaxAt(rows[index], argmax(rows[index])),
      logits: (index) => rows[index],
    };
  }

  async function forwardLanes(lanes: readonly ScoreLane[], options: ForwardOptions = {}): Promise<Forward[]> {
    forwards.push(lanes.flatMap(({ groups }) => groups));
    return lanes.map(({ cache, groups }) => {
      const scores = groups.map((group) => runGroup(group, cache.lane));
      const ids = groups.flatMap(({ tokens }) => Array.from(tokens));
      const positions = groups.flatMap(({ tokens, sequence, from = sequence.nextPosition }) =>
        Array.from(tokens, (_, row) => from + row),
      );
      let rows = 0;
      const offsets = groups.map(({ tokens }) => {
        rows += tokens.length;
        return rows - tokens.length;
      });
      const newRows = { rows, keys: [Float32Array.from(ids)], values: [Float32Array.from(positions)] };
      const forward = { scores, rows, outputs: {}, offsets, newRows };
      return options.newRows === false ? withoutRows(forward) : forward;
    });
  }

  return { batch, forwardLanes, forwards };
}

/** As of a model that leaves the rows in its graph when nobody keeps them. */
const withoutRows = (forward: Forward): Forward =>
  Object.defineProperty(forward, 'newRows', {
    get: () => {
      throw new Error('this forward was run without its K/V rows');
    },
  });

/** The masking of a model with a mask token. */
export const maskingOf = (
  maskId: number,
  { shiftLogits = false, endIds = [] }: Partial<Pick<Masking, 'shiftLogits' | 'endIds'>> = {},
): Masking => ({ corruption: { kind: 'mask', maskId }, causalPrompt: false, shiftLogits, endIds });

export interface DecodeCanvasOptions extends TokenRunOptions {
  maskId: number;
  shiftLogits?: boolean;
  /** In place of the mask. */
  corruption?: Corruption;
  causalPrompt?: boolean;
}

/** What random canvases are decoded with. */
export interface CanvasSettings {
  prompt?: number[];
  genLength: number;
  methodOptions?: Record<string, unknown>;
  sampling?: { temperature: number; seed: number };
  eosIds?: number[];
}

/** Decodes a canvas of `genLength` positions with the mask 0. */
export function decodeSettings(
  // Tests give options of several methods in one record.
  method: unknown,
  logitsOf: CanvasLogits,
  { prompt = [1, 2, 3], genLength, methodOptions, sampling, eosIds = [] }: CanvasSettings,
) {
  const options = { genLength, ...methodOptions };
  const limits = { prompt, maskId: 0, eosIds, maxTokens: genLength, sampling, methodOptions: options };
  return decodeCanvasTokens(method as Method, logitsOf, limits);
}

/** What each step committed, as [position, token]. */
export const trajectory = (steps: readonly Step[]) =>
  steps.map(({ committed }) => committed.map(({ position, token }) => [position, token]));

/** The run after its end, its steps, and the groups of each forward. */
export async function decodeCanvasTokens<O extends MethodOptions>(
  method: Method<O>,
  logitsOf: CanvasLogits,
  { maskId, shiftLogits, corruption, causalPrompt = false, ...options }: DecodeCanvasOptions,
): Promise<{ run: Run; steps: Step[]; forwards: (readonly ScoreGroup[])[] }> {
  const model = canvasModel(logitsOf);
  const masked = maskingOf(maskId, { shiftLogits, endIds: options.eosIds });
  const masking = { ...masked, corruption: corruption ?? masked.corruption, causalPrompt };
  const run = newRun(model.batch.open(), { ...options, masking });
  const phases = method.phases(parseMethodOptions(method, options.methodOptions), run);
  const steps: Step[] = [];
  for await (const step of decode(model, model.batch, [{ run, phases }])) steps.push(step);
  if (model.batch.used > 0) throw new Error(`${model.batch.used} slots were not freed`);
  return { run, steps, forwards: model.forwards };
}
