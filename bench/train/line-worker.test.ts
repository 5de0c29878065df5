import { describe, expect, it } from 'vitest';
import { LineWorker } from './line-worker.ts';

/** A worker that runs a line of JavaScript. */
const worker = (source: string) => new LineWorker(process.execPath, ['-e', source]);
const say = (line: object) => `console.log(JSON.stringify(${JSON.stringify(line)}));`;

describe('a line worker', () => {
  it('starts and answers in order', async () => {
    const echo =
      'require("node:readline").createInterface({ input: process.stdin }).on("line", (l) => console.log(l));';
    await using engine = worker(say({ versions: { a: '1' } }) + echo);
    expect(await engine.start()).toEqual({ versions: { a: '1' } });
    expect(await engine.ask({ n: 1 })).toEqual({ n: 1 });
    expect(await engine.ask({ n: 2 })).toEqual({ n: 2 });
  });

  it('says what the engine says of its failure', async () => {
    await using engine = worker(say({ error: 'lacks a package' }));
    await expect(engine.start()).rejects.toThrow('lacks a package');
  });

  it('says how a silent one ended', async () => {
    await using engine = worker('process.exit(3)');
    await expect(engine.start()).rejects.toThrow('ended with 3');
  });

  it('says that there is no such command', async () => {
    await using engine = new LineWorker('no-such-python', []);
    await expect(engine.start()).rejects.toThrow('ENOENT');
  });
});
