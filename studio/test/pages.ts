/** Test support: the built studio in Debian's Chromium, and what went wrong on its pages. */

import { access } from 'node:fs/promises';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { type QuickstepServer, serve } from '../../src/serve/server.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

export interface Studio {
  server: QuickstepServer;
  context: BrowserContext;
  page: Page;
  /** Errors of the console and of scripts, and requests to anyone but the page's own origin, so far. */
  problems: string[];
  open(address: string): Promise<void>;
  close(): Promise<void>;
}

const noGpu = ['--disable-gpu'];

/** WebGPU without a graphics card, on the processor. */
export const softwareGpu = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

/** Opens a browser on a server of the built studio. Throws when it was not built. */
export async function openStudio(gpu: readonly string[] = noGpu): Promise<Studio> {
  await access('dist/studio/index.html').catch(() => {
    throw new Error('The studio is not built. Run: npm run build');
  });
  const server = await serve({ port: 0, model: ['house-diffusion'], threads: 1, grace: 0 });
  const origin = server.url;
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', ...gpu] });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const problems: string[] = [];
  context.on('request', (request) => {
    const url = request.url();
    if (!/^(data|blob):/.test(url) && !url.startsWith(`${origin}/`)) problems.push(`request: ${url}`);
  });
  context.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => problems.push(`error: ${error.error().message}`));
  const page = await context.newPage();
  page.setDefaultTimeout(90_000);
  return {
    ...{ server, context, page, problems },
    // Only the hash changes, so that loaded models stay.
    open: async (address) => void (await page.goto(`${origin}/#/${address}`)),
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}
