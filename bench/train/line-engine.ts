/** The engine's side of the protocol: answers lines of standard input until it closes. */

import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ready } from './protocol.ts';

/** Time for the threads of the program or engine that ran last to stop spinning. */
export const settle = () => sleep(60);

/** What engines may print must not mix with the answers; call before they load. */
function ownStandardOutput(): (line: object) => void {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
  return (line) => write(`${JSON.stringify(line)}\n`);
}

/** Loads the engine, says that it is ready, and answers each question. */
export async function serve<Question>(
  load: () => Promise<{ ready: Ready; answer: (question: Question) => Promise<object> }>,
): Promise<void> {
  const reply = ownStandardOutput();
  const failure = (error: unknown) =>
    reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  try {
    const { ready, answer } = await load();
    reply(ready);
    for await (const line of createInterface({ input: process.stdin })) {
      try {
        reply(await answer(JSON.parse(line) as Question));
      } catch (error) {
        failure(error);
      }
    }
  } catch (error) {
    failure(error);
  }
}
