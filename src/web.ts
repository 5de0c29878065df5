/**
 * Quickstep in a page or a worker: the same engine on onnxruntime-web, with nothing of Node.js in the bundle.
 *
 *   import { generate, loadFromUrl } from 'quickstep/web';
 *   await using model = await loadFromUrl('/models/house-diffusion/');
 *   for await (const step of generate(model, '3 + 4 =')) show(step);
 */

import { QuickstepError } from './errors.ts';
import type { Provider, Runtime } from './graph/index.ts';
import type { LanguageModel } from './models/language-model.ts';
import { type CheckpointOptions, loadCheckpoint } from './models/load-checkpoint.ts';
import { openFolder } from './weights/huggingface.ts';
import { type FetchOptions, foldersAt, urlFolder } from './weights/url-folder.ts';

export {
  type GenerateOptions,
  type Generation,
  generate,
  generateBatch,
  type Result,
} from './decode/generate.ts';
export { findMethod, methods } from './decode/registry.ts';
export type { CommittedToken, DraftToken, FinishReason, Statistics, Step } from './decode/step.ts';
export { type ErrorCode, QuickstepError } from './errors.ts';
export type { LanguageModel } from './models/language-model.ts';

export type WebProvider = Extract<Provider, 'webgpu' | 'wasm'>;

export interface WebLoadOptions extends Pick<CheckpointOptions, 'precision' | 'signal'> {
  /** Where the model runs. Default: `await webProvider()`. */
  provider?: WebProvider;
  /** Folder of onnxruntime-web's own .mjs and .wasm files; default: where its bundle is. */
  runtimeUrl?: string;
  /** Threads of the wasm provider; more than one needs a cross-origin isolated page. */
  threads?: number;
  /** Names of the files in the folder, where they are known: no others are asked for. */
  files?: readonly string[];
  onProgress?: FetchOptions['onProgress'];
}

/** What is used of a page or a worker, which Node.js has no types for. */
interface Page {
  location?: { href: string };
  crossOriginIsolated?: boolean;
  navigator?: { hardwareConcurrency: number; gpu?: { requestAdapter(): Promise<object | null> } };
}
const page = globalThis as Page;

/** 'webgpu' where the browser has a graphics card to offer, 'wasm' otherwise. */
export async function webProvider(): Promise<WebProvider> {
  const adapter = await page.navigator?.gpu?.requestAdapter().catch(() => null);
  return adapter ? 'webgpu' : 'wasm';
}

/** Half the logical cores, at most four, where threads may share memory. */
function defaultThreads(): number {
  const cores = page.crossOriginIsolated ? (page.navigator?.hardwareConcurrency ?? 1) : 1;
  return Math.min(4, Math.ceil(cores / 2));
}

/** The runtime is set up once in a page; its first options stand. */
async function runtimeFor(provider: WebProvider, { runtimeUrl, threads }: WebLoadOptions): Promise<Runtime> {
  const runtime =
    provider === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm');
  const { wasm } = runtime.env;
  if (runtimeUrl) wasm.wasmPaths ??= new URL(runtimeUrl, page.location?.href).href;
  wasm.numThreads = threads ?? defaultThreads();
  return runtime as unknown as Runtime;
}

/**
 * Loads a model from the address of its folder in Hugging Face layout (one safetensors file). What methods need
 * beside the model is looked for in the folder's neighbours.
 *
 * Integer products are kernels of the wasm provider, so the default precision is 'w8a8' there and 'fp32' on WebGPU.
 * @throws QuickstepError 'offline' or 'not-found' when it cannot be had, 'bad-file' or 'unsupported' when it cannot
 * be read or run, and the signal's reason when aborted.
 */
export async function loadFromUrl(url: string | URL, options: WebLoadOptions = {}): Promise<LanguageModel> {
  const { signal, onProgress, provider = await webProvider() } = options;
  const address = new URL(url, page.location?.href);
  if (!address.pathname.endsWith('/')) {
    throw new QuickstepError('bad-option', `${address.href} is no folder.`, 'End the address with a slash.');
  }
  const checkpoint = await openFolder(urlFolder(address, { signal, onProgress }, options.files));
  try {
    return await loadCheckpoint(checkpoint, {
      id: address.pathname.split('/').at(-2),
      precision: options.precision ?? (provider === 'webgpu' ? 'fp32' : 'w8a8'),
      providers: [provider],
      runtime: await runtimeFor(provider, options),
      signal,
      findFolder: foldersAt(new URL('../', address)),
    });
  } finally {
    await checkpoint.close();
  }
}
