/** What an answer looked like while it was made, and what can be read off that. */

/** What the model said in one step about the masked positions of the block, and what was committed. */
export interface TraceStep {
  readonly positions: readonly number[];
  /** Predicted tokens, confidence and what else was noted, by index in `positions`. */
  readonly tokens: readonly number[];
  readonly confidence: readonly number[];
  readonly notes: readonly number[];
  /** Committed positions, in commit order. */
  readonly committed: readonly number[];
}

/** The steps of one answer. */
export type Trace = readonly TraceStep[];

/** The token that each position got, as far as any. */
export function finalTokens(trace: Trace): Map<number, number> {
  const final = new Map<number, number>();
  for (const { positions, tokens, committed } of trace) {
    for (const position of committed) final.set(position, tokens[positions.indexOf(position)]);
  }
  return final;
}

/** One prediction of a position that was still masked after its step's turn came. */
export interface Prediction {
  readonly step: TraceStep;
  /** Index in the step's lists. */
  readonly index: number;
  /** Whether it is the token that the position got in the end. */
  readonly isFinal: boolean;
}

/** Every prediction of a position that got a token in the end. */
export function* predictionsOf(trace: Trace): Generator<Prediction> {
  const final = finalTokens(trace);
  for (const step of trace) {
    for (const [index, position] of step.positions.entries()) {
      const token = final.get(position);
      if (token !== undefined) yield { step, index, isFinal: step.tokens[index] === token };
    }
  }
}

/** Steps between the one from which on a position's final token leads and its commit, of each committed position. */
export function delays(trace: Trace): number[] {
  const final = finalTokens(trace);
  const leads = (at: number, position: number): boolean => {
    const { positions, tokens } = trace[at];
    const index = positions.indexOf(position);
    return index !== -1 && tokens[index] === final.get(position);
  };
  return trace.flatMap(({ committed }, step) =>
    committed.map((position) => {
      let first = step;
      while (first > 0 && leads(first - 1, position)) first--;
      return step - first;
    }),
  );
}

/** Mean of numbers; NaN of none. */
export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
