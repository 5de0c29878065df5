/** The models there are to run on: those of the page, and those of the server once it has answered. */

import house from 'catalogue:models';
import { useEffect, useState } from 'preact/hooks';
import type { Capability } from '../../../src/models/language-model.ts';
import type { Engine } from '../engine/engine.ts';
import { pageEngine } from '../engine/page-engine.ts';
import { serverEngine, serverModels } from '../engine/server-engine.ts';

export type Place = 'page' | 'server';

export interface RunnableModel {
  id: string;
  summary: string;
  capabilities: readonly Capability[];
}

export function useModels(): Record<Place, readonly RunnableModel[]> {
  const [server, setServer] = useState<readonly RunnableModel[]>([]);
  useEffect(() => {
    let here = true;
    serverModels().then((models) => here && setServer(models));
    return () => {
      here = false;
    };
  }, []);
  return { page: house, server };
}

/** The engine of a place, and in the page of a lane. */
export const engineAt = (place: Place, lane = 0): Engine =>
  place === 'page' ? pageEngine(lane) : serverEngine;
