import { defaultClientConditions, defineConfig } from 'vite';
import { catalogue } from './build/catalogue.ts';
import { engineFiles } from './build/engine-files.ts';
import { explanations } from './build/explanations.ts';
import { feed } from './build/feed.ts';
import { player } from './build/player.ts';

export default defineConfig({
  // Relative addresses, so that the page works below any path.
  base: './',
  plugins: [catalogue(), explanations(), feed(), player(), engineFiles()],
  // The runtime's wasm is fetched from where it is installed, and not a second time part of the build.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es', plugins: () => [catalogue()] },
  build: {
    outDir: '../dist/studio',
    emptyOutDir: true,
    target: 'es2022',
    // Methods import what reads the disk only where they need it.
    rolldownOptions: { external: [/^node:/] },
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
});
