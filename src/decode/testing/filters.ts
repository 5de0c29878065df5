/** Filters of Learn2PD for tests: random ones, and ones that always say the same. Test support. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfidenceFilter, type FilterFacts, filterShapes } from '../masked-diffusion/confidence-filter.ts';
import { saveFilter } from '../masked-diffusion/confidence-filter-disk.ts';
import { normal } from '../random.ts';

export interface FilterChoice extends Partial<FilterFacts> {
  blockLength: number;
  /** Random weights of this seed. */
  seed?: number;
  /** Added to all outputs: far below 0 it accepts nothing, far above all. */
  bias?: number;
}

/** A filter of as many hidden units as positions, for a model with the mask 0. */
export function someFilter({ blockLength, seed = 0, bias = 0, ...facts }: FilterChoice): ConfidenceFilter {
  const all: FilterFacts = {
    model: 'a test',
    blockLength,
    hiddenSize: blockLength,
    maskTokenId: 0,
    shiftLogits: false,
    tau: 0.5,
    confidence: 0.9,
    ...facts,
  };
  const weights = new Map<string, Float32Array>();
  for (const [step, [name, shape]] of [...filterShapes(all)].entries()) {
    const size = shape.reduce((product, length) => product * length, 1);
    const scale = shape.length === 1 ? 1 : 2 / Math.sqrt(shape[1]);
    const data = Float32Array.from(
      { length: size },
      (_, position) => scale * normal({ seed, stream: 200, step, position }),
    );
    weights.set(name, name === 'output.bias' ? data.map((value) => value + bias) : data);
  }
  return new ConfidenceFilter(all, weights);
}

/** Saves a filter in a folder of its own; returns the folder. */
export async function savedFilter(choice: FilterChoice): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'quickstep-filter-'));
  await saveFilter(folder, someFilter(choice));
  return folder;
}
