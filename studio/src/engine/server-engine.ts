/** The server as an engine: `POST /api/steps`, server-sent events with the same records as the worker's. */

import type { Capability } from '../../../src/models/language-model.ts';
import type { Engine, RunEvent, RunRequest } from './engine.ts';

/** A model that the server can run. */
export interface ServerModel {
  id: string;
  summary: string;
  capabilities: Capability[];
}

interface Failure {
  error?: { message?: string };
}

/** The data of server-sent events, one line of JSON each. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown, void> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line.startsWith('data:')) yield JSON.parse(line.slice(5));
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

export const serverEngine: Engine = {
  async *run(request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent, void> {
    const response = await fetch('api/steps', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...request, chat: true }),
      signal,
    });
    if (!response.ok || !response.body) {
      const { error } = (await response.json().catch(() => ({}))) as Failure;
      throw new Error(error?.message ?? `The server answers with status ${response.status}.`);
    }
    for await (const event of events(response.body)) {
      const { type } = event as { type: string };
      if (type === 'error')
        throw new Error((event as Failure).error?.message ?? 'The server stopped the run.');
      if (type === 'start' || type === 'step' || type === 'done') yield event as RunEvent;
      if (type === 'done') return;
    }
    throw new Error('The server closed the connection before the run was done.');
  },
};

/** The models of the server behind the page; none where there is only a file server. */
export async function serverModels(): Promise<ServerModel[]> {
  try {
    const response = await fetch('api/models');
    if (!response.ok || !response.headers.get('content-type')?.includes('json')) return [];
    return ((await response.json()) as { models: ServerModel[] }).models;
  } catch {
    return [];
  }
}
