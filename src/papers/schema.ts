/**
 * What one entry of the catalogue (`papers/<slug>.json`) looks like: the schema, and the closed sets its fields
 * draw on, each member with a line that says what it means. Pure, so the command line, the studio and the server
 * share it. Claims are the paper's own figures; `measured` is ours.
 */

import { z } from 'zod';
import { families } from './families.ts';

export { families } from './families.ts';
export { type Light, lightOf } from './light.ts';

/** The four phases of a decoding step. */
export const phases = {
  propose: 'which continuations are looked at',
  score: 'what the model says about them, and how that is shaped',
  choose: 'what is committed now',
  remember: 'what is kept for the next step',
} as const;

/** What a system asks of the model, of the engine, or of the work done beforehand. */
export const needs = {
  'hidden-states': 'hidden states of the model as outputs',
  'attention-probabilities': 'attention probabilities as outputs',
  'embeddings-in': 'input embeddings in place of token ids',
  bidirectional: 'attention in both directions',
  'attention-bias': 'an attention mask or bias of its own',
  'cross-attention': 'attention to a second sequence',
  'layer-ranges': 'running only some of the layers',
  'recurrent-state': 'a recurrent state in place of a KV cache',
  'extra-heads': 'additional output heads',
  'tree-verification': 'one masked forward over a tree of drafts',
  'kv-selection': 'free choice of the KV rows that are kept or read',
  'prefix-sharing': 'sequences that share the KV rows of a prefix',
  'draft-model': 'a smaller model that writes drafts',
  'second-model': 'another model running alongside',
  constraint: 'an automaton or trie of what is legal',
  'reference-data': 'a datastore, corpus or graph consulted while decoding',
  'image-model': 'an image generator or image network',
  'audio-model': 'an audio generator or recognizer',
  'vision-language-model': 'a language model that sees images',
  training: 'weights fitted beforehand',
  rollouts: 'reinforcement learning on its own samples',
  'end-to-end-gradients': 'gradients through unrolled steps or through a frozen model',
  'hand-set-weights': 'weights constructed by hand',
} as const;

/** Models a system runs on, or will run on, in this repository. */
export const models = {
  'SmolLM2-135M': 'SmolLM2-135M-Instruct, a published checkpoint',
  'house-causal': 'our left-to-right language model',
  'house-draft': 'the small draft model of house-causal',
  'house-diffusion': 'our masked diffusion language model',
  'house-mamba': 'our state-space language model',
  'house-image': 'our image tokenizers and generators',
  'house-audio': 'our audio codec and token models',
  'house-vlm': 'our vision-language model',
  own: 'a small model that only this system uses',
} as const;

export type Family = keyof typeof families;
export type Phase = keyof typeof phases;
export type Need = keyof typeof needs;
export type ModelName = keyof typeof models;

function keysOf<T extends Record<string, string>>(table: T): [keyof T & string, ...(keyof T & string)[]] {
  return Object.keys(table) as [keyof T & string, ...(keyof T & string)[]];
}

function setOf<T extends Record<string, string>>(table: T) {
  return z
    .array(z.enum(keysOf(table)))
    .refine((items) => new Set(items).size === items.length, 'names an item twice');
}

const line = z
  .string()
  .min(10)
  .max(200)
  .regex(/^[^\n]*$/, 'must be one line');

const slug = z
  .string()
  .max(64)
  .regex(/^[a-z0-9]+([-.][a-z0-9]+)*$/, 'must be a slug such as "credit-decoding"');

/** One entry of the catalogue. Unknown fields are refused. */
export const paperSchema = z
  .strictObject({
    slug,
    title: line,
    /** ISO date of publication, `yyyy-mm-dd`, or `yyyy-mm` where the day is not known. */
    date: z.union([z.iso.date(), z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/)]),
    /** Names, or family names, where they are known; `authorCount` otherwise. */
    authors: z.array(z.string().min(2)).min(1).optional(),
    authorCount: z.int().positive().optional(),
    family: z.enum(keysOf(families)),
    url: z
      .string()
      .regex(/^https:\/\/arxiv\.org\/abs\/\d{4}\.\d{5}$/, 'must be an arXiv abstract page')
      .optional(),
    /** Two to four sentences in our own words: what it does and why that helps. */
    summary: z.string().min(150).max(600),
    phases: setOf(phases).min(1),
    needs: setOf(needs),
    needsNote: line.optional(),
    /** Where it runs once it works; until then, where it is meant to run. */
    models: setOf(models).min(1),
    /** The paper's main result. */
    claim: line,
    /** What our experiment shows when the claim holds at our scale. */
    proof: line,
    /** Whether output (or its distribution) equals that of the decoding it speeds up; `n/a` if it speeds up none. */
    lossless: z.union([z.boolean(), z.literal('n/a')]),
    status: z.enum(['planned', 'works']),
    /** Name in the method registry, for systems that are decoding methods. */
    method: slug.optional(),
    /** Our result, with its baseline. */
    measured: line.optional(),
  })
  .refine((paper) => (paper.authors === undefined) !== (paper.authorCount === undefined), {
    message: 'give either authors or authorCount',
    path: ['authors'],
  })
  .refine((paper) => paper.status === 'planned' || paper.measured !== undefined, {
    message: 'a system that works states what was measured',
    path: ['measured'],
  });

/** One system of the catalogue. */
export type Paper = z.infer<typeof paperSchema>;
