/** A server of the house models, and OpenAI's own client for it. Test support; not part of the package. */

import OpenAI from 'openai';
import { afterAll } from 'vitest';
import { serve } from '../server.ts';

export const server = await serve({ port: 0, threads: 1, maxAnswer: 128 });
afterAll(() => server.close());
export const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });

export const ask = (content: string) => [{ role: 'user' as const, content }];
export const question = 'Sort the letters: d b a c';
export const chat = { model: 'house-causal', messages: ask(question), max_tokens: 24 };
