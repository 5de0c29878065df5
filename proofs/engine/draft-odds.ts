/**
 * How often guesses of SmolLM2's next tokens are right, against what is said of them:
 *   npx tsx proofs/engine/draft-odds.ts [--samples 24] [--tokens 160] [--data file.jsonl,file.jsonl]
 * At every place of greedy answers, the heads of Medusa and Clover say how likely each path of a tree is, and the text says by
 * how long a run of its last tokens stood there before. Prints what `howOftenRight` and the prior of looked-up guesses
 * (src/decode/speculative) were taken from. Asks other people's questions, GSM8K's and MBPP's, not of the kind that
 * heads were trained with. Takes some minutes.
 */

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { openClover } from '../../src/decode/speculative/clover-lanes.ts';
import { type CloverNode, growTree, likeliestNodes } from '../../src/decode/speculative/clover-tree.ts';
import { occurrences } from '../../src/decode/speculative/looked-up.ts';
import { likeliestShape, shapedTree } from '../../src/decode/speculative/tree.ts';
import { openMedusa } from '../../src/models/draft-heads/medusa.ts';
import { load } from '../../src/models/load.ts';

const { values: options } = parseArgs({
  options: {
    samples: { type: 'string', default: '24' },
    tokens: { type: 'string', default: '160' },
    data: { type: 'string', default: '../shared/data/gsm8k/test.dev.jsonl,../shared/data/mbpp/mbpp.jsonl' },
  },
});
const [samples, maxTokens] = [options.samples, options.tokens].map(Number);
const nodes = 16;

/** What was said and what came of it, by tenths of what was said or by length of run. */
class Tally {
  readonly #rows = new Map<number, { count: number; said: number; right: number }>();

  add(key: number, isRight: boolean, said = 0): void {
    const row = this.#rows.get(key) ?? { count: 0, said: 0, right: 0 };
    row.count++;
    row.said += said;
    row.right += Number(isRight);
    this.#rows.set(key, row);
  }

  print(title: string): void {
    console.log(`\n${title}`);
    for (const [key, { count, said, right }] of [...this.#rows].sort(([a], [b]) => a - b)) {
      const expected = said === 0 ? '' : `said ${(said / count).toFixed(2)}, `;
      console.log(`  ${key}: ${expected}right ${(right / count).toFixed(2)} of ${count}`);
    }
  }
}

interface Guessed {
  parents: readonly number[];
  tokens: readonly number[];
  /** Of each path. */
  said: readonly number[];
}

/** Notes which paths the text went on with. */
function judge(tally: Tally, { parents, tokens, said }: Guessed, following: readonly number[]): void {
  const levels: number[] = [];
  const right: boolean[] = [];
  for (const [node, parent] of parents.entries()) {
    levels.push(parent < 0 ? 0 : levels[parent] + 1);
    if (levels[node] >= following.length) continue;
    right[node] = (parent < 0 || right[parent]) && tokens[node] === following[levels[node]];
    tally.add(Math.min(9, Math.floor(said[node] * 10)), right[node], said[node]);
  }
}

/** Probability of a path as the heads of Clover say it. */
const stated = ({ parent, token, guess: { tokens, probabilities } }: CloverNode): number =>
  (parent ? stated(parent) : 1) * probabilities[tokens.indexOf(token)];

const question = z.union([z.object({ question: z.string() }), z.object({ text: z.string() })]);

/** Questions from all files in turn, spread over each. */
async function readQuestions(): Promise<string[]> {
  const files = await Promise.all(options.data.split(',').map((file) => readFile(file, 'utf8')));
  const lists = files.map((text) => text.trim().split('\n'));
  return Array.from({ length: samples }, (_, n) => {
    const lines = lists[n % lists.length];
    const asked = question.parse(JSON.parse(lines[Math.floor((n * lines.length) / samples)]));
    return 'question' in asked ? asked.question : asked.text;
  });
}

await using model = await load('smollm2', { precision: 'w8a8' });
const heads = await openMedusa(model, 'smollm2-medusa');
const lanes = await openClover(model, 'smollm2-clover');
const [byMedusa, byClover, byRun] = [new Tally(), new Tally(), new Tally()];
for (const [n, content] of (await readQuestions()).entries()) {
  const messages = [{ role: 'user' as const, content }];
  const prompt = model.chatTemplate!.render(messages, { addGenerationPrompt: true });
  const text = [...model.tokenizer.encode(prompt, { addSpecialTokens: false })];
  const first = text.length;
  const cache = model.newCache();
  const sequence = cache.slots.createSequence();
  const lane = await lanes.open();
  const guesses: { medusa: Guessed; clover: Guessed }[] = [];
  for (let fed = text.slice(); guesses.length < maxTokens; fed = text.slice(-1)) {
    const groups = [{ sequence, tokens: fed, scored: [fed.length - 1] }];
    const { newRows, states, scores } = await model.forward(cache, groups, { states: true });
    cache.commit(sequence, newRows, [...fed.keys()]);
    lane.take(states!.slice(), text.length);
    const state = states!.slice(-model.config.hiddenSize);
    text.push(scores[0].topToken(0));
    const [ranked] = await heads.rank(state);
    const shape = likeliestShape(
      ranked.map(({ probabilities }) => [...probabilities]),
      nodes,
    );
    const { tokens } = shapedTree(shape, (level, rank) => ranked[level].tokens[rank]);
    const grown = await growTree(await lane.guess(text), {
      levels: lane.levels,
      width: (guess) => guess.tokens.length,
      prune: likeliestNodes(nodes),
      ends: model.eosIds,
      follow: (level) => lane.follow(level.map(({ guess, token }) => ({ state: guess.state, token }))),
    });
    guesses.push({
      medusa: { parents: shape.parents, tokens, said: shape.values },
      clover: {
        parents: grown.map(({ parent }) => (parent ? grown.indexOf(parent) : -1)),
        tokens: grown.map(({ token }) => token),
        said: grown.map(stated),
      },
    });
    if (model.eosIds.includes(text.at(-1)!)) break;
  }
  await lane.close();
  for (const [i, { medusa, clover }] of guesses.entries()) {
    const following = text.slice(first + i + 1);
    judge(byMedusa, medusa, following);
    judge(byClover, clover, following);
    const { length, places } = occurrences(text.slice(0, first + i + 1), { ngramMax: 8, ngramMin: 1 });
    if (places.length > 0 && following.length > 0) byRun.add(length, text[places[0]] === following[0]);
  }
  console.error(`${n + 1} of ${samples} answers`);
}
byMedusa.print('Paths of a Medusa tree, by tenths of what the heads say');
byClover.print('Paths of a Clover tree, by tenths of what the heads say');
byRun.print('The token that followed before, by tokens that stood there before it (8: or more)');
