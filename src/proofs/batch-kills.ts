/** A batch run that is killed again and again: what is missing, repeated or changed in the end. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { TaskRandom } from '../tasks/random.ts';

export interface KillOptions {
  /** Id of the model. */
  model: string;
  /** Prompts and answer lengths, in tokens. */
  requests: readonly { tokens: readonly number[]; maxTokens: number }[];
  /** Right answers, in the order of the requests. */
  answers: readonly string[];
  kills: number;
  random: TaskRandom;
  signal?: AbortSignal;
}

export interface KillReport {
  /** How often the process was killed, and how many answers there were at each kill. */
  kills: number;
  doneAt: number[];
  /** Requests without an answer, with several, with another answer than the right one. */
  missing: number;
  repeated: number;
  changed: number;
  /** Restarts that changed a line that was there. */
  rewritten: number;
}

/** The program itself, from its sources or as it is published. */
function startBatch(input: string, output: string, model: string): ChildProcess {
  const sources = import.meta.url.endsWith('.ts');
  const main = fileURLToPath(new URL(`../cli/main.${sources ? 'ts' : 'js'}`, import.meta.url));
  const args = ['batch', input, output, '--model', model, '--threads', '1', '--json'];
  return spawn(process.execPath, [...(sources ? ['--import', 'tsx'] : []), main, ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: 'ignore',
  });
}

const linesIn = async (path: string) => {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.slice(0, text.lastIndexOf('\n') + 1);
};
const count = (text: string) => text.split('\n').length - 1;

/**
 * Runs `quickstep batch` on requests and kills it (SIGKILL) at random moments, each time starting it again on the same
 * output, and at last lets it finish.
 * @throws the signal's reason when it aborts.
 */
export async function killBatch(options: KillOptions): Promise<KillReport> {
  const { model, requests, answers, kills, random, signal } = options;
  const folder = await mkdtemp(join(tmpdir(), 'quickstep-kills-'));
  let child: ChildProcess | undefined;
  try {
    const [input, output] = [join(folder, 'in.jsonl'), join(folder, 'out.jsonl')];
    const lines = requests.map(({ tokens, maxTokens }, i) =>
      JSON.stringify({
        ...{ custom_id: `request-${i}`, method: 'POST', url: '/v1/completions' },
        body: { prompt: tokens, max_tokens: maxTokens, temperature: 0, ignore_eos: true },
      }),
    );
    await writeFile(input, lines.map((line) => `${line}\n`).join(''));
    const doneAt: number[] = [];
    let [before, rewritten] = ['', 0];
    for (let kill = 0; kill <= kills; kill++) {
      child = startBatch(input, output, model);
      const exited = once(child, 'exit');
      // Evenly over what is left on average, and some moments later: not just behind a line.
      const left = requests.length - count(before);
      const more = kill < kills ? random.below(Math.ceil((2 * left) / (kills - kill + 1))) : Infinity;
      const size = before.length;
      while (child.exitCode === null && child.signalCode === null) {
        signal?.throwIfAborted();
        await sleep(5);
        const grown = await stat(output).then(
          (found) => found.size > size,
          () => false,
        );
        if ((grown || more === 0) && count(await linesIn(output)) - count(before) >= more) {
          await sleep(random.below(40));
          child.kill('SIGKILL');
          break;
        }
      }
      await exited;
      const now = await linesIn(output);
      if (!now.startsWith(before)) rewritten++;
      before = now;
      if (kill < kills) doneAt.push(count(now));
    }
    return { kills, doneAt, rewritten, ...judge(before, answers) };
  } finally {
    child?.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

function judge(text: string, answers: readonly string[]) {
  const times = answers.map(() => 0);
  let changed = 0;
  for (const line of text.split('\n').filter(Boolean)) {
    const { custom_id, response } = JSON.parse(line);
    const request = Number(custom_id.slice('request-'.length));
    times[request]++;
    if (response.body.choices[0].text !== answers[request]) changed++;
  }
  const missing = times.filter((each) => each === 0).length;
  return { missing, repeated: times.filter((each) => each > 1).length, changed };
}
