/** Serves the house models and the runtime's wasm beside the page while it is developed. */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Connect, Plugin } from 'vite';
import { studioFile, studioHeaders } from '../../src/serve/studio-files.ts';

const serve: Connect.NextHandleFunction = async (request, response, next) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const file = /^\/(models|ort)\//.test(pathname) ? studioFile(pathname) : undefined;
  if (!file) return next();
  const found = await stat(file.path).catch(() => undefined);
  if (!found?.isFile()) return void response.writeHead(404).end();
  response.writeHead(200, { ...studioHeaders, 'content-type': file.type, 'content-length': found.size });
  createReadStream(file.path).pipe(response);
};

/** The development server's own scripts need more than the policy allows. */
const { 'content-security-policy': _, ...headers } = studioHeaders;

export function engineFiles(): Plugin {
  return {
    name: 'quickstep:engine-files',
    config: () => ({ server: { headers }, preview: { headers: { ...studioHeaders } } }),
    configureServer: (server) => void server.middlewares.use(serve),
    configurePreviewServer: (server) => void server.middlewares.use(serve),
  };
}
