/** What the conformance suite runs of each method besides its defaults, and what it leaves out. */

import type { ConformanceOptions, OptOut } from './conformance.ts';
import { savedFilter } from './filters.ts';
import { savedClover, savedMedusa } from './heads.ts';
import { savedHmm } from './hmms.ts';

/** What canvas methods leave out: positions are committed in any order. */
const anyOrder: OptOut = {
  case: 'commits from left to right, up to the end of the answer',
  reason: 'it commits the surest positions first, also behind the end token',
};

/** What resampled and typical drafts leave out: they draw other tokens than the baseline does with the same seed. */
const otherDraws = (name: string): OptOut => ({
  case: name,
  reason: 'drafts are resampled or typical',
  when: ({ accept }, sampled) => sampled && (accept === 'resample' || accept === 'typical'),
});

/** What methods leave out that may resample drafts, or take typical ones. */
const typicalOptOuts = [
  'writes what its baseline writes',
  'writes what its baseline writes under penalties, biases and processors',
  'is not stopped by half a stop string',
  'leaves a stop string and what follows it out of the text',
].map(otherDraws);

/** Random heads for stories260k: right at times, wrong more often. */
const storiesHeads = { model: 'stories260k', hiddenSize: 64, vocabSize: 512 };

/** What arbitrage leaves out where steps may be accepted: these take no forward of the model, and nothing of its cache. */
const unlessRewritten = (name: string): OptOut => ({
  case: name,
  reason: 'accepted steps do not run the model',
  when: ({ threshold }) => threshold !== 0,
});

/** Options worth running everything with, and cases left out; neither is needed for most methods. */
export const special: Readonly<Record<string, ConformanceOptions>> = {
  'beam-search': { variants: [{ beams: 1 }, { beams: 3, earlyStopping: true, lengthPenalty: 0 }] },
  'deco-g': { common: { hmm: await savedHmm(512) }, variants: [{ epsilon: 0 }] },
  'decoding-on-graphs': { variants: [{ beams: 1 }, { beams: 4, score: 'legal', vote: false }] },
  'superposed-decoding': { variants: [{ drafts: 1 }, { drafts: 5, candidates: 3, sharpness: 1 }] },
  arbitrage: {
    variants: [{ threshold: 0 }],
    optOuts: [
      'ends at once at an end token',
      'writes one token in one forward',
      'frees its slots when the iterator is left',
      'tells steps that are sound one by one',
    ].map(unlessRewritten),
  },
  diffusion: {
    variants: [
      { blockLength: 8 },
      { blockLength: 0, order: 'random', earlyStop: 'never' },
      { threshold: 0.1, order: 'margin', earlyStop: 'block' },
      { factor: 1.5, blockLength: 16 },
      { entropyBound: 2, order: 'entropy', blockLength: 8 },
      { cfgScale: 1.5, order: 'entropy', confidenceEosEotInf: true },
      { order: 'origin', blockLength: 4 },
      { cache: 'dual', blockLength: 8 },
      { cache: 'prefix', blockLength: 16, threshold: 0.1, cfgScale: 1.5, earlyStop: 'block' },
    ],
    optOuts: [
      anyOrder,
      {
        case: 'ends at once at an end token',
        reason: 'in a random order the first position may come last',
        when: ({ order }) => order === 'random' || order === 'origin',
      },
    ],
  },
  freedave: {
    variants: [
      { draftSteps: 1 },
      { blockLength: 8, draftSteps: 3, order: 'random' },
      { blockLength: 4, draftSteps: 6, eager: true },
      { threshold: 0.1, earlyStop: 'block' },
      { blockLength: 8, draftSteps: 3, cache: 'dual' },
    ],
    optOuts: [
      anyOrder,
      {
        case: 'ends at once at an end token',
        reason: 'in a random order the first position may come last',
        when: ({ order }) => order === 'random',
      },
    ],
  },
  prophet: {
    variants: [
      { gapEarly: 1e6, gapMiddle: 1e6, gapLate: 1e6 },
      { gapEarly: 50, gapMiddle: 3, gapLate: 1, gapOf: 'min', blockLength: 8, cache: 'prefix' },
      { threshold: 0.1, creditWeight: 1, gapEarly: 50 },
    ],
    optOuts: [anyOrder],
  },
  'credit-decoding': {
    variants: [
      { threshold: 0.1, blockLength: 8, cache: 'dual' },
      { order: 'margin', creditWeight: 2, earlyStop: 'block' },
    ],
    optOuts: [anyOrder],
  },
  ccd: {
    variants: [
      { warmup: 0, order: 'low_confidence', blockLength: 8, cache: 'dual' },
      { warmup: 2, budget: 'uniform', order: 'margin', expandRatio: 1, lateReset: true, cfgScale: 1.5 },
      { contexts: 3, topTokens: 8 },
      { budget: 'plain', contexts: 4, blockLength: 16 },
    ],
    optOuts: [anyOrder],
  },
  'eoser-ass-cjgrpo': {
    variants: [
      { blocks: 2, order: 'random', earlyStop: 'never' },
      { schedule: 'uniform', blockLength: 8, gammaMin: 0.2, cache: 'prefix' },
      { schedule: 'descending', order: 'margin', cfgScale: 1.5 },
    ],
    optOuts: [
      anyOrder,
      {
        case: 'ends at once at an end token',
        reason: 'in a random order the first position may come last',
        when: ({ order }) => order === 'random',
      },
    ],
  },
  localleap: {
    variants: [
      { threshold: 0.2, relaxedThreshold: 0.1, radius: 2, order: 'margin' },
      { threshold: 0.2, relaxedThreshold: 0, decay: 'linear', blockLength: 0, endTokens: 'plain' },
      {
        threshold: 0.3,
        relaxedThreshold: 0.1,
        creditWeight: 1,
        blockLength: 8,
        cache: 'dual',
        cfgScale: 1.5,
        earlyStop: 'block',
      },
    ],
    optOuts: [anyOrder],
  },
  learn2pd: {
    common: { filter: await savedFilter({ blockLength: 32, seed: 3 }) },
    variants: [
      { tau: 1, blockLength: 8, eotp: 'persistence' },
      { tau: 0.7, eotp: 'any', earlyStop: 'block' },
      { eotp: 'off', cfgScale: 1.5 },
    ],
    optOuts: [anyOrder],
  },
  dparallel: {
    variants: [
      { entropy: 4, blockLength: 8 },
      { threshold: 0.1, blockLength: 0, earlyStop: 'block' },
    ],
    optOuts: [anyOrder],
  },
  renoise: {
    common: { maxSteps: 5 },
    variants: [
      { blockLength: 8, maxSteps: 3, entropyBound: 3, cache: 'dual' },
      { stableSteps: 0, settledEntropy: 2, cfgScale: 1.5, earlyStop: 'never' },
    ],
    optOuts: [
      anyOrder,
      ...[
        'ends at once at an end token',
        'writes one token in one forward',
        'writes exactly the tokens asked for',
      ].map((name) => ({
        case: name,
        reason: 'it asks again before it commits, so that few tokens take more forwards',
      })),
      {
        case: 'gives another output for another seed',
        reason: 'where nothing is asked again, the most probable tokens are committed, whatever was drawn',
        when: ({ stableSteps }) => stableSteps === 0,
      },
    ],
  },
  'draft-alignment': {
    variants: [
      { draftTokens: 4, width: 3, length: 'fixed' },
      { draftTokens: 64, width: 2, length: 'fixed' },
      { accept: 'resample', draftTokens: 3, length: 'fixed' },
      { accept: 'resample', draftTokens: 3, width: 4 },
      { accept: 'typical', width: 2 },
    ],
    optOuts: typicalOptOuts,
  },
  medusa: {
    common: { heads: await savedMedusa(storiesHeads) },
    variants: [
      { size: 'fixed', nodes: 12 },
      { lookup: false, tree: 'measured', size: 'fixed', nodes: 64 },
      { accept: 'typical', size: 'fixed', nodes: 6 },
    ],
    optOuts: typicalOptOuts,
  },
  clover: {
    common: { heads: await savedClover(storiesHeads) },
    variants: [
      { size: 'fixed', nodes: 12 },
      { lookup: false, tree: 'levels', size: 'fixed', nodes: 24, mass: 0.8 },
      { accept: 'typical', size: 'fixed', nodes: 6 },
    ],
    optOuts: typicalOptOuts,
  },
  'prompt-lookup': {
    variants: [
      { branches: 3, draftTokens: 6, ngramMin: 1 },
      { branches: 8, draftTokens: 64, ngramMin: 1, ngramMax: 1 },
    ],
  },
};

/** Families of methods; each has a file of its own for the suite, so that they run side by side. */
export const testedFamilies = ['baseline', 'constrained', 'masked-diffusion', 'speculative'];
