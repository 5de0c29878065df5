/** The traffic light of a system; apart from the schema, so that a page can do without its library. */

import type { ModelName, Paper } from './schema.ts';

export type { Paper } from './schema.ts';

const publishedCheckpoints: readonly ModelName[] = ['SmolLM2-135M'];

/** Every light, and what it says of a system: it works on a published checkpoint, on a `house` model only, or not yet. */
export const lights = {
  works: 'works',
  house: 'works on a house model',
  planned: 'planned',
} as const;

export type Light = keyof typeof lights;

/** The traffic light of a system, from its status and the models it runs on. */
export function lightOf(paper: Pick<Paper, 'status' | 'models'>): Light {
  if (paper.status === 'planned') return 'planned';
  return paper.models.some((model) => publishedCheckpoints.includes(model)) ? 'works' : 'house';
}
