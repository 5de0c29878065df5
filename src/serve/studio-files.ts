/**
 * The files behind the studio's addresses: the built page, the house models and the runtime that run in it. Pure
 * look-up: whoever serves them, `quickstep serve` or the development server, reads the file it names.
 */

import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface StudioFile {
  path: string;
  type: string;
  /** Its name changes with its content. */
  immutable: boolean;
}

// Two levels up from here is the package, for src/serve/ as for dist/serve/.
const root = fileURLToPath(new URL('../..', import.meta.url));
const runtime = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.xml': 'application/atom+xml; charset=utf-8',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
  '.safetensors': 'application/octet-stream',
};

const name = '[A-Za-z0-9_][A-Za-z0-9._-]*';

/** Addresses, and the folder that each begins in. */
const places: readonly { pattern: RegExp; folder: string }[] = [
  { pattern: new RegExp(`^models/${name}/${name}\\.(json|safetensors)$`), folder: root },
  { pattern: /^ort\/ort-wasm-[a-z.-]+\.(mjs|wasm)$/, folder: runtime },
  { pattern: new RegExp(`^(assets/)?${name}$`), folder: join(root, 'dist/studio') },
];

/**
 * The file at a path of an address, which may not exist; undefined where the studio has nothing.
 * @param pathname `/` or `/a/b`; percent escapes match nothing.
 */
export function studioFile(pathname: string): StudioFile | undefined {
  const address = pathname === '/' ? 'index.html' : pathname.slice(1);
  const place = places.find(({ pattern }) => pattern.test(address));
  const type = types[extname(address)];
  if (!place || !type) return undefined;
  const path = join(place.folder, address.replace(/^ort\//, ''));
  return { path, type, immutable: address.startsWith('assets/') };
}

/**
 * Headers of every answer: the page may ask nobody but its own origin, and is isolated, so that the runtime's threads
 * may share memory.
 */
export const studioHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "worker-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};
