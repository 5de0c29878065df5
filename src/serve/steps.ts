/** `POST /api/steps`: one run as the engine's own Step records, for pages that draw it. */

import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type GenerateOptions, type Prompt, promptTokens } from '../decode/generate.ts';
import { jsonOptions } from '../decode/json-options.ts';
import { findMethod } from '../decode/registry.ts';
import { TokenTexts, tokenText } from '../decode/token-texts.ts';
import { type Decoding, prepare } from './decoding.ts';
import type { Exchange } from './exchange.ts';

const stepsBody = z.strictObject({
  ...jsonOptions.shape,
  model: z.string().min(1).max(512),
  prompt: z.union([
    z.string(),
    z
      .array(z.strictObject({ role: z.string().max(64), content: z.string() }))
      .min(1)
      .max(2048),
    z.strictObject({ tokens: z.array(z.int().min(0)) }),
  ]),
  chat: z.boolean().default(false),
  maxTokens: z.int().min(0).optional(),
  stop: z.array(z.string()).max(64).optional(),
  schema: z.union([z.record(z.string(), z.unknown()), z.boolean()]).optional(),
});

export async function steps(exchange: Exchange, decoding: Decoding): Promise<void> {
  const { model: name, prompt: given, chat, ...options } = await exchange.body(stepsBody);
  const ready = await prepare(decoding, name, options as GenerateOptions & { method?: string });
  const { model } = ready.batch;
  const wrap = chat && typeof given === 'string' && model.chatTemplate !== undefined;
  const prompt: Prompt = wrap ? [{ role: 'user', content: given }] : given;
  const tokens = promptTokens(model, prompt);
  await exchange.admitted(1, async (signal) => {
    const [generation] = ready.start({ tokens }, signal);
    const texts = new TokenTexts(model.tokenizer);
    const start = {
      type: 'start',
      id: `steps-${randomUUID()}`,
      place: `${model.id} on the server`,
      model: model.id,
      precision: model.precision,
      method: ready.method,
      guarantee: findMethod(ready.method).guarantee,
      seed: ready.options.seed,
      promptTokens: tokens.length,
      prompt: tokens.map((token) => [token, tokenText(model.tokenizer, token)]),
    };
    for await (const step of generation) {
      // Not before the first step: until then a request may still turn out to be impossible.
      if (step.step === 1) await exchange.event(start, 'start');
      await exchange.event({ type: 'step', step, texts: texts.of(step) }, 'step');
    }
    const result = await generation.result;
    exchange.count(model.id, [result]);
    const { committed: _, ...facts } = result;
    await exchange.event({ type: 'done', summary: { ...facts, tokens: result.tokens.length } }, 'done');
    exchange.end();
  });
}
