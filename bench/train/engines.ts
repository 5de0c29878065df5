/** The engines of the training benchmark: how each is started and what it is asked. */

import { fileURLToPath } from 'node:url';
import { type BatchName, optimizerSettings, type Work } from './protocol.ts';

export interface TrainEngine {
  label: string;
  /** What is timed, on which batches. */
  asked: readonly { work: Work; batches: BatchName }[];
  /** Command and arguments, after which workload folder and threads follow. */
  start(options: StartOptions): { command: string; args: string[]; environment?: NodeJS.ProcessEnv };
}

export interface StartOptions {
  folder: string;
  threads: number;
  /** Python with PyTorch. */
  python: string | undefined;
}

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const whole = 'step' as const;

function typescript(name: string, folder: string, threads: number) {
  return { command: process.execPath, args: ['--import', 'tsx', path(name), folder, String(threads)] };
}

function torch(label: string, configuration: string): TrainEngine {
  return {
    label,
    asked: [
      { work: 'gradients', batches: whole },
      { work: 'adamw', batches: whole },
    ],
    start: ({ folder, threads, python }) => {
      // Some machines pin an old kernel set for OpenBLAS; PyTorch must choose its own.
      const { OPENBLAS_CORETYPE: _, ...environment } = process.env;
      const settings = JSON.stringify(optimizerSettings);
      const args = [path('torch_step.py'), folder, String(threads), configuration, settings];
      return { command: python!, args, environment };
    },
  };
}

const small = [{ work: 'gradients', batches: 'small' }] as const;

export const trainEngines = {
  quickstep: {
    label: 'Quickstep',
    asked: [
      { work: 'gradients', batches: whole },
      { work: 'adamw', batches: whole },
      { work: 'muon', batches: whole },
      ...small,
    ],
    start: ({ folder, threads }) => typescript('quickstep-engine.ts', folder, threads),
  },
  'torch-eager': torch('PyTorch eager', 'eager'),
  'torch-eager-softmax': torch('PyTorch eager, attention written out', 'eager-softmax'),
  'torch-compiled': torch('PyTorch compiled', 'compiled'),
  'jax-js': {
    label: 'jax-js, one thread',
    asked: small,
    start: ({ folder }) => typescript('jax-engine.ts', folder, 1),
  },
  'jax-js-threads': {
    label: 'jax-js with workers',
    asked: small,
    start: ({ folder, threads }) => typescript('jax-engine.ts', folder, threads),
  },
} as const satisfies Record<string, TrainEngine>;

export type TrainEngineId = keyof typeof trainEngines;
export const trainEngineIds = Object.keys(trainEngines) as [TrainEngineId, ...TrainEngineId[]];
export const isTorch = (id: TrainEngineId) => id.startsWith('torch');
