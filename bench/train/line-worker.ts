/** The parent's side of an engine: a process that answers lines of JSON, in whatever language it is written. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Failure, Ready } from './protocol.ts';

export class LineWorker implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  readonly #ended: Promise<string>;

  constructor(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = process.env) {
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: environment });
    this.#ended = new Promise((resolve) => {
      this.#process.on('error', (error) => resolve(error.message));
      this.#process.on('close', (code, signal) => resolve(`${command} ended with ${signal ?? code}`));
    });
    // A write to a process that is gone; `#ended` says so.
    this.#process.stdin.on('error', () => {});
    this.#reader = createInterface({ input: this.#process.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** The engine's first line. @throws Error when it could not be loaded. */
  async start(): Promise<Ready> {
    return this.#next<Ready>();
  }

  /** @throws Error with the engine's message when it fails or ends. */
  async ask<Answer extends object>(question: object): Promise<Answer> {
    this.#process.stdin.write(`${JSON.stringify(question)}\n`);
    return this.#next<Answer>();
  }

  async #next<T extends object>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(await this.#ended);
    const reply = JSON.parse(value) as T | Failure;
    if ('error' in reply) throw new Error(reply.error);
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Native runtimes may take long to unload, or crash at it; there is nothing to save.
    this.#process.kill('SIGKILL');
    await this.#ended;
    this.#reader.close();
  }
}
