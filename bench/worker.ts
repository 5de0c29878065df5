/** The parent's side of a child process. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Reply, Request } from './protocol.ts';

export class Worker implements AsyncDisposable {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx'],
      // What engines print to standard output must not mix with the table or the JSON.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }

  /** @throws Error with the child's message when it fails or ends. */
  async ask(request: Request): Promise<Record<string, number>> {
    const ended = new AbortController();
    try {
      this.#process.send(request);
      const [reply] = (await Promise.race([
        once(this.#process, 'message', { signal: ended.signal }),
        once(this.#process, 'exit', { signal: ended.signal }).then(([code, signal]) => {
          throw new Error(`the child process ended with ${signal ?? code} on ${JSON.stringify(request)}`);
        }),
      ])) as [Reply];
      if ('error' in reply) throw new Error(reply.error);
      return reply.numbers;
    } finally {
      ended.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    // Native runtimes may take long to unload, or crash at it; there is nothing to save.
    this.#process.kill('SIGKILL');
    await exit;
  }
}
