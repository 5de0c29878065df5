/** `POST /v1/chat/completions`. */

import { randomUUID } from 'node:crypto';
import { type Calling, instruct, type Saying, writtenCall } from '../../decode/constrained/function-call.ts';
import type { Result } from '../../decode/generate.ts';
import { formatSchema } from '../../decode/response-format.ts';
import type { CommittedToken, Step } from '../../decode/step.ts';
import type { ChatMessage } from '../../text/chat.ts';
import { type Decoding, prepare } from '../decoding.ts';
import type { Exchange } from '../exchange.ts';
import { finishReason, Pieces, readAll, startAll, usageOf } from './answers.ts';
import { chatBody, type Message } from './fields.ts';
import { chatLogprobs, TokenOrder } from './logprobs.ts';
import { engineOptions } from './options.ts';
import { callingOf, toolCall } from './tools.ts';

export async function chatCompletions(exchange: Exchange, decoding: Decoding): Promise<void> {
  const body = await exchange.body(chatBody);
  const calling = callingOf(body);
  const ready = await prepare(decoding, body.model, {
    ...engineOptions(body),
    ...(body.max_completion_tokens != null && { maxTokens: body.max_completion_tokens }),
    ...(body.logprobs && { logprobs: body.top_logprobs ?? 0 }),
    ...(calling?.constraint ?? formatSchema(body.response_format)),
  });
  const { model } = ready.batch;
  const n = body.n ?? 1;
  const prompt = conversation(body.messages, calling);
  await exchange.admitted(n, async (signal, abort) => {
    const generations = startAll(ready, [prompt], n, signal);
    const about = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: model.id };
    const orders = generations.map(() => new TokenOrder(ready));
    const listeners = generations.map(() => calling?.listen() ?? ((piece: string) => piece));
    const told = generations.map(() => 0);

    const chunk = (index: number, delta: object, rest: object = {}) => ({
      ...about,
      object: 'chat.completion.chunk',
      choices: [{ index, delta, logprobs: null, finish_reason: null, ...rest }],
    });
    const logprobsOf = (tokens: readonly CommittedToken[]) =>
      tokens.length > 0 ? { logprobs: chatLogprobs(model, tokens) } : {};
    const pieces = generations.map(
      (_, index) =>
        new Pieces(
          (event) => exchange.event(event),
          (content, tokens) => chunk(index, { content }, logprobsOf(tokens)),
        ),
    );
    const send = async (index: number, step: Step) => {
      if (step.step === 1) await exchange.event(chunk(index, { role: 'assistant', content: '' }));
      // A call is told whole, once it is known which function it is.
      const content = listeners[index](step.text);
      told[index] += content.length;
      await pieces[index].add(content, body.logprobs ? orders[index].ofStep(step) : []);
    };

    const results = await readAll(generations, body.stream ? send : () => {}, abort);
    exchange.count(model.id, results);
    const usage = usageOf(ready, results, n);
    if (!body.stream) {
      const choices = results.map((result, index) => {
        const said = saidIn(result, calling);
        const logprobs = body.logprobs ? chatLogprobs(model, orders[index].rest(result)) : null;
        return { index, message: messageOf(said), logprobs, finish_reason: reasonOf(result, said) };
      });
      exchange.json({ ...about, object: 'chat.completion', choices, usage });
      return;
    }
    for (const [index, result] of results.entries()) {
      const said = saidIn(result, calling);
      const content = said.text.slice(told[index]);
      const delta = {
        ...(content !== '' && { content }),
        ...(said.call && { tool_calls: [{ index: 0, ...toolCall(said.call) }] }),
      };
      const untold = logprobsOf(body.logprobs ? orders[index].rest(result) : []);
      await exchange.event(chunk(index, delta, { ...untold, finish_reason: reasonOf(result, said) }));
    }
    if (body.stream_options?.include_usage) {
      await exchange.event({ ...about, object: 'chat.completion.chunk', choices: [], usage });
    }
    await exchange.done();
  });
}

const saidIn = ({ text, finish }: Result, calling: Calling | undefined): Saying =>
  calling?.read(text, finish === 'eos') ?? { text };

const messageOf = ({ text, call }: Saying) => ({
  role: 'assistant',
  content: call && text === '' ? null : text,
  refusal: null,
  tool_calls: call && [toolCall(call)],
});

const reasonOf = ({ finish }: Result, { call }: Saying) => (call ? 'tool_calls' : finishReason(finish));

const textOf = (content: Message['content']): string =>
  typeof content === 'string' ? content : (content ?? []).map(({ text }) => text).join('');

/** Messages as chat templates know them: plain texts, with the calls in them as models write calls. */
function conversation(messages: readonly Message[], calling: Calling | undefined): ChatMessage[] {
  const plain = messages.map((message) => {
    const calls = message.role === 'assistant' ? (message.tool_calls ?? []) : [];
    const written = calls.map((call) => writtenCall(call.function));
    return {
      role: message.role === 'developer' ? 'system' : message.role,
      content: [textOf(message.content), ...written].filter(Boolean).join('\n'),
    };
  });
  return calling ? instruct(plain, calling) : plain;
}
