/** Questions of Spec-Bench (hemingkx/Spec-Bench), the first turn of each, as prompts of a model. */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { uniform } from '../../src/decode/random.ts';
import { QuickstepError } from '../../src/errors.ts';

const lineSchema = z.object({
  question_id: z.number(),
  category: z.string(),
  turns: z.array(z.string()).min(1),
});

/** The tasks that Spec-Bench reports; what is not named here is one of the eight categories of MT-bench. */
const tasks = ['translation', 'summarization', 'qa', 'math_reasoning', 'rag'];

export interface SpecQuestion {
  id: number;
  task: string;
  text: string;
}

/** @throws QuickstepError 'not-found' when there is no such file, 'bad-file' for a line that is no question. */
export async function readQuestions(path: string): Promise<SpecQuestion[]> {
  const questions: SpecQuestion[] = [];
  const hint =
    "Give Spec-Bench's question.jsonl with --data: github.com/hemingkx/Spec-Bench, data/spec_bench.";
  try {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      if (!line) continue;
      const { question_id: id, category, turns } = lineSchema.parse(JSON.parse(line));
      questions.push({ id, task: tasks.includes(category) ? category : 'mt_bench', text: turns[0] });
    }
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const [code, what] = isMissing
      ? (['not-found', `There is no file ${path}.`] as const)
      : (['bad-file', `${path}: line ${questions.length + 1} is no question of Spec-Bench.`] as const);
    throw new QuickstepError(code, what, hint, { cause });
  }
  return questions;
}

/** `samples` questions, one of each task in turn, in an order of the seed. */
export function pickQuestions(
  questions: readonly SpecQuestion[],
  samples: number,
  seed: number,
): SpecQuestion[] {
  const names = [...new Set(questions.map(({ task }) => task))];
  const pools = names.map((name, stream) =>
    questions
      .filter(({ task }) => task === name)
      .map((question, position) => ({ question, order: uniform({ seed, stream, step: 0, position }) }))
      .sort((a, b) => a.order - b.order)
      .map(({ question }) => question),
  );
  const picked: SpecQuestion[] = [];
  while (picked.length < samples && pools.some((pool) => pool.length > 0))
    for (const pool of pools) if (picked.length < samples) picked.push(...pool.splice(0, 1));
  return picked;
}
