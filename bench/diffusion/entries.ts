/** What the diffusion benchmark decodes with: every canvas method, some of them together, and what they must be compared with. */

import { methods } from '../../src/decode/registry.ts';
import type { LanguageModel } from '../../src/models/language-model.ts';
import { fixedSteps, oneTokenAStep, thresholdOf } from '../../src/proofs/house-tasks.ts';
import { proofs } from '../../src/proofs/registry.ts';
import type { Decoding } from '../../src/tasks/measure.ts';

export const kinds = ['plain', 'method', 'combination'] as const;

/** A decoding, and the group that table and picture put it in. */
export interface Entry extends Decoding {
  readonly kind: (typeof kinds)[number];
}

const plain: readonly Decoding[] = [
  oneTokenAStep,
  ...[0.5, 0.25].map(fixedSteps),
  thresholdOf(0.9),
  { label: 'factor 1', method: 'diffusion', options: { factor: 1 } },
  ...(['none', 'prefix', 'dual'] as const).flatMap((cache): Decoding[] => {
    const name = cache === 'none' ? 'blocks of 8' : `blocks of 8, ${cache} cache`;
    const options = { blockLength: 8, cache };
    return [
      { label: name, method: 'diffusion', options },
      { label: `${name}, threshold 0.9`, method: 'diffusion', options: { ...options, threshold: 0.9 } },
    ];
  }),
];

const credit = { creditWeight: 0.7 };

/** The options that a method is proven with. */
const proven = (slug: string) => proofs.get(slug)!.decoding.options as Readonly<Record<string, unknown>>;

const combinations: readonly Decoding[] = [
  { label: 'freedave + threshold 0.9', method: 'freedave', options: { threshold: 0.9 } },
  { label: 'prophet + credit', method: 'prophet', options: { ...proven('prophet'), ...credit } },
  {
    label: 'prophet + credit + threshold 0.9',
    method: 'prophet',
    options: { ...proven('prophet'), ...credit, threshold: 0.9 },
  },
  { label: 'localleap + credit', method: 'localleap', options: { ...proven('localleap'), ...credit } },
];

/**
 * Canvas methods that a model can run, with the options of their proofs, or their defaults without a proof.
 * @param trained models that were made from it, by id: a method that one of them was made for decodes that one
 */
function canvasMethods(
  { capabilities }: Pick<LanguageModel, 'capabilities'>,
  trained: ReadonlyMap<string, LanguageModel>,
): Decoding[] {
  return [...methods.values()]
    .filter(({ slug, family }) => family === 'masked-diffusion' && slug !== oneTokenAStep.method)
    .filter(({ needs }) => needs.every((need) => capabilities.has(need)))
    .map(({ slug, model: id = '' }) => ({
      ...proofs.get(slug)?.decoding,
      ...{ label: slug, method: slug, model: trained.get(id) },
    }));
}

/** All of them, one token a step first. */
export function entries(
  model: Pick<LanguageModel, 'capabilities'>,
  trained: ReadonlyMap<string, LanguageModel> = new Map(),
): Entry[] {
  return [
    ...plain.map((decoding) => ({ ...decoding, kind: 'plain' as const })),
    ...canvasMethods(model, trained).map((decoding) => ({ ...decoding, kind: 'method' as const })),
    ...combinations.map((decoding) => ({ ...decoding, kind: 'combination' as const })),
  ];
}
