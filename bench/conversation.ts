/**
 * What a conversation costs turn by turn when each turn sends all that was said, as chats do: seconds to the first token and
 * tokens of the prompt that are read, with what is kept of the turns before and without. By turns, so that a machine that changes
 * its speed is the same to both; medians over the rounds.
 *
 *   npx tsx bench/conversation.ts --model smollm2 --turns 5 --rounds 3
 */

import { parseArgs } from 'node:util';
import { ContinuousBatch } from '../src/decode/continuous.ts';
import { load } from '../src/models/load.ts';
import type { ChatMessage } from '../src/text/chat.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'smollm2' },
    turns: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
  },
});
const turns = Number(values.turns);
const questions = [
  'Tell me about the oceans.',
  'Which of them is the deepest?',
  'What lives down there?',
  'How do people get there?',
  'Who was the first?',
  'What comes next?',
];

await using model = await load(values.model, { threads: Number(values.threads) });

/** Of each turn: tokens of the prompt, those that were read, and seconds to the first token. */
async function converse(prefixBytes: number | undefined): Promise<number[][]> {
  const batch = new ContinuousBatch(model, { prefixBytes });
  const said: ChatMessage[] = [];
  const measured: number[][] = [];
  for (let turn = 0; turn < turns; turn++) {
    said.push({ role: 'user', content: questions[turn % questions.length] });
    const { text, promptTokens, firstTokenSeconds, statistics } = await batch.generate([...said], {
      maxTokens: 64,
    }).result;
    said.push({ role: 'assistant', content: text });
    measured.push([promptTokens, promptTokens - statistics.kvReused, firstTokenSeconds]);
  }
  await batch.close();
  return measured;
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

const kept: number[][][] = [];
const read: number[][][] = [];
for (let round = 0; round < Number(values.rounds); round++) {
  kept.push(await converse(undefined));
  read.push(await converse(0));
}
console.log(`${values.model}, medians of ${values.rounds} conversations`);
for (let turn = 0; turn < turns; turn++) {
  const [tokens, fresh] = kept[0][turn];
  const [with_, without] = [kept, read].map((runs) => median(runs.map((run) => run[turn][2])));
  console.log(
    `turn ${turn + 1}: ${tokens} tokens, ${fresh} read; first token after ${with_.toFixed(2)} s, ${without.toFixed(2)} s when all is read: ${(without / with_).toFixed(1)}x`,
  );
}
