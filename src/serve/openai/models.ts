/** `GET /v1/models`. */

import { ApiError } from '../api-error.ts';
import type { ModelPool } from '../models.ts';

const describe = (id: string) => ({ id, object: 'model', created: 0, owned_by: 'quickstep' });

export async function modelList(models: ModelPool) {
  return { object: 'list', data: (await models.list()).map(({ id }) => describe(id)) };
}

/** @throws ApiError 404 for a model that is not served. */
export async function modelNamed(models: ModelPool, name: string) {
  const found = (await models.list()).find(({ id, alias }) => id === name || alias === name);
  if (found) return describe(found.id);
  throw new ApiError(
    404,
    'model_not_found',
    `The model ${JSON.stringify(name.slice(0, 200))} is not served here.`,
    { param: 'model' },
  );
}
