/** The player of an exported run, `src/player.tsx`, as one script and one style sheet in strings. */

import { fileURLToPath } from 'node:url';
import { build, type Plugin, type Rolldown } from 'vite';

const entry = fileURLToPath(new URL('../src/player.tsx', import.meta.url));

async function buildPlayer(): Promise<{ script: string; style: string }> {
  const built = (await build({
    configFile: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      write: false,
      target: 'es2022',
      lib: { entry, formats: ['iife'], name: 'player', fileName: 'player', cssFileName: 'player' },
    },
  })) as Rolldown.RolldownOutput[];
  const files = built[0].output;
  const script = files.find((file) => file.type === 'chunk')!.code;
  const style = files.find((file) => file.type === 'asset' && file.fileName.endsWith('.css'));
  return { script, style: style?.type === 'asset' ? String(style.source) : '' };
}

export function player(): Plugin {
  return {
    name: 'quickstep:player',
    resolveId: (id) => (id === 'player:built' ? `\0${id}` : undefined),
    load: async (id) => {
      if (id !== '\0player:built') return undefined;
      return `export default ${JSON.stringify(await buildPlayer())};`;
    },
  };
}
