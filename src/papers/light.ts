/** The traffic light of a system; apart from the schema, so that a page can do without its library. */

import type { ModelName, Paper } from './schema.ts';

export type { Paper } from './schema.ts';

const publishedCheckpoints: readonly ModelName[] = ['SmolLM2-135M'];

/** `works` on a published checkpoint, works on a `house` model only, or is `planned`. */
export type Light = 'works' | 'house' | 'planned';

/** The traffic light of a system, from its status and the models it runs on. */
export function lightOf(paper: Pick<Paper, 'status' | 'models'>): Light {
  if (paper.status === 'planned') return 'planned';
  return paper.models.some((model) => publishedCheckpoints.includes(model)) ? 'works' : 'house';
}
