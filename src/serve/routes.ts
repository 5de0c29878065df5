/** Which address is answered by what. */

import { ApiError } from './api-error.ts';
import { methodsData, papersData, proofsData } from './catalogue-data.ts';
import type { Exchange } from './exchange.ts';
import { feed } from './feed.ts';
import { chatCompletions } from './openai/chat.ts';
import { completions } from './openai/completions.ts';
import { modelList, modelNamed } from './openai/models.ts';
import type { QuickstepServer } from './server.ts';
import { studio } from './static.ts';
import { steps } from './steps.ts';

type Handler = (exchange: Exchange, server: QuickstepServer) => Promise<void> | void;

export interface Route {
  method: 'GET' | 'POST';
  /** Exact, or with a name at the end that may have slashes. */
  path: string;
  /** Answered without the key, and while the server closes. */
  open?: boolean;
  handle: Handler;
}

/** As it is where it is no code for anything: then it names nothing. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

const routes: readonly Route[] = [
  { method: 'POST', path: '/v1/chat/completions', handle: (e, { decoding }) => chatCompletions(e, decoding) },
  { method: 'POST', path: '/v1/completions', handle: (e, { decoding }) => completions(e, decoding) },
  { method: 'GET', path: '/v1/models', handle: async (e, { models }) => e.json(await modelList(models)) },
  {
    method: 'GET',
    path: '/v1/models/*',
    handle: async (e, { models }) => e.json(await modelNamed(models, decoded(e.url.pathname.slice(11)))),
  },
  { method: 'POST', path: '/api/steps', handle: (e, { decoding }) => steps(e, decoding) },
  {
    method: 'GET',
    path: '/api/models',
    handle: async (e, { models }) => e.json({ models: await models.list() }),
  },
  { method: 'GET', path: '/api/methods', handle: (e) => e.json(methodsData()) },
  {
    method: 'GET',
    path: '/api/papers',
    handle: async (e) => e.json(await papersData((e.url.searchParams.get('q') ?? '').slice(0, 500))),
  },
  { method: 'GET', path: '/api/proofs', handle: async (e) => e.json(await proofsData()) },
  {
    method: 'GET',
    path: '/metrics',
    handle: (e, { metrics, models, admission }) =>
      e.text(metrics.text(models, admission), 'text/plain; version=0.0.4; charset=utf-8'),
  },
  {
    method: 'GET',
    path: '/health',
    open: true,
    handle: (e, { closing }) => e.json({ status: closing ? 'closing' : 'ok' }, closing ? 503 : 200),
  },
  { method: 'GET', path: '/feed.xml', open: true, handle: (e) => feed(e) },
  { method: 'GET', path: '/*', open: true, handle: (e) => studio(e) },
];

const matches = (path: string, pathname: string): boolean =>
  path.endsWith('*') ? pathname.startsWith(path.slice(0, -1)) : pathname === path;

/** Addresses below these are never the studio's. */
const isApi = (pathname: string): boolean => /^\/(v1|api)(\/|$)/.test(pathname);

/** The route of a request; HEAD is answered as GET is. */
export function routeOf(method: string | undefined, pathname: string): Route | undefined {
  const asked = method === 'HEAD' ? 'GET' : method;
  return routes.find(
    (route) =>
      route.method === asked && matches(route.path, pathname) && !(route.path === '/*' && isApi(pathname)),
  );
}

/** Why an address has no route: nothing is there, or not by this method. */
export function notFound(method: string, pathname: string): ApiError {
  const path = pathname.slice(0, 200);
  const allowed = routes.filter((route) => route.path !== '/*' && matches(route.path, pathname));
  if (allowed.length === 0) return new ApiError(404, 'not_found', `There is nothing at ${path}.`);
  const allow = allowed.map((route) => route.method).join(', ');
  return new ApiError(405, 'method_not_allowed', `${path} takes ${allow}, not ${method}.`, {
    headers: { allow },
  });
}
