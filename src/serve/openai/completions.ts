/** `POST /v1/completions`: text goes on as it is, without a chat template. */

import { randomUUID } from 'node:crypto';
import type { Prompt } from '../../decode/generate.ts';
import type { CommittedToken, Step } from '../../decode/step.ts';
import { type Decoding, prepare } from '../decoding.ts';
import type { Exchange } from '../exchange.ts';
import { finishReason, Pieces, readAll, startAll, usageOf } from './answers.ts';
import { type CompletionBody, completionBody } from './fields.ts';
import { completionLogprobs, TokenOrder } from './logprobs.ts';
import { engineOptions } from './options.ts';

export async function completions(exchange: Exchange, decoding: Decoding): Promise<void> {
  const body = await exchange.body(completionBody);
  const wanted = body.logprobs ?? undefined;
  const ready = await prepare(decoding, body.model, {
    ...engineOptions(body),
    ...(wanted !== undefined && { logprobs: wanted }),
  });
  const { model } = ready.batch;
  const n = body.n ?? 1;
  const prompts = promptsOf(body);
  await exchange.admitted(n * prompts.length, async (signal, abort) => {
    const generations = startAll(ready, prompts, n, signal);
    const about = {
      id: `cmpl-${randomUUID()}`,
      object: 'text_completion',
      created: Math.floor(Date.now() / 1000),
      model: model.id,
    };
    const orders = generations.map(() => new TokenOrder(ready));
    const offsets = generations.map(() => 0);

    const chunk = (index: number, text: string, rest: object = {}) => ({
      ...about,
      choices: [{ index, text, logprobs: null, finish_reason: null, ...rest }],
    });
    const logprobsOf = (index: number, tokens: readonly CommittedToken[]) => {
      if (tokens.length === 0) return {};
      const logprobs = completionLogprobs(model, tokens, offsets[index]);
      offsets[index] += logprobs.tokens.join('').length;
      return { logprobs };
    };
    const pieces = generations.map(
      (_, index) =>
        new Pieces(
          (event) => exchange.event(event),
          (text, tokens) => chunk(index, text, logprobsOf(index, tokens)),
        ),
    );
    const send = (index: number, step: Step) =>
      pieces[index].add(step.text, wanted === undefined ? [] : orders[index].ofStep(step));

    const results = await readAll(generations, body.stream ? send : () => {}, abort);
    exchange.count(model.id, results);
    const usage = usageOf(ready, results, n);
    if (!body.stream) {
      const choices = results.map((result, index) => ({
        index,
        text: result.text,
        logprobs: wanted === undefined ? null : completionLogprobs(model, orders[index].rest(result), 0),
        finish_reason: finishReason(result.finish),
      }));
      exchange.json({ ...about, choices, usage });
      return;
    }
    for (const [index, result] of results.entries()) {
      const untold = wanted === undefined ? [] : orders[index].rest(result);
      const ended = { finish_reason: finishReason(result.finish) };
      // Made when it is written, as those before it are, which move the offset.
      await exchange.event(() => chunk(index, '', { ...logprobsOf(index, untold), ...ended }));
    }
    if (body.stream_options?.include_usage) await exchange.event({ ...about, choices: [], usage });
    await exchange.done();
  });
}

/** One prompt or several, as text or tokens. */
function promptsOf({ prompt }: CompletionBody): Prompt[] {
  if (typeof prompt === 'string') return [prompt];
  if (typeof prompt[0] === 'number') return [{ tokens: prompt as number[] }];
  return (prompt as (string | number[])[]).map((one) => (typeof one === 'string' ? one : { tokens: one }));
}
