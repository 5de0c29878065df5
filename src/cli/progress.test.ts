import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createProgress, formatBytes, formatDuration, type ProgressOptions } from './progress.ts';

/** A terminal (or log) of 80 columns that keeps what was written, with a clock that is moved by hand. */
function screen(isTTY: boolean, options: ProgressOptions = {}) {
  let text = '';
  let at = 0;
  const writable = new Writable({
    write(chunk, _encoding, next) {
      text += chunk;
      next();
    },
  });
  const stream = Object.assign(writable, { isTTY, columns: 80 }) as unknown as NodeJS.WriteStream;
  const progress = createProgress(stream, 'model', { now: () => at, ...options });
  return {
    progress,
    text: () => text,
    wait: (ms: number) => {
      at += ms;
    },
  };
}

describe('on a terminal', () => {
  it('redraws one line with bar, percentage, amounts, rate and remaining time', () => {
    const { progress, text, wait } = screen(true);
    progress.update(0, 100e6);
    wait(1000);
    progress.update(25e6, 100e6, 'weights.gguf');
    progress.done();
    const lines = text().split('\r').slice(1);
    expect(lines[0]).toBe(`model [${' '.repeat(24)}] 0% 0 B of 100 MB\x1b[K`);
    const numbers = '25% 25.0 MB of 100 MB, 25.0 MB/s, 3s left, weights.gguf';
    expect(lines[1]).toBe(`model [===${' '.repeat(10)}] ${numbers}\x1b[K\n`);
  });

  it('redraws at most ten times a second but always shows the end', () => {
    const { progress, text, wait } = screen(true);
    for (let i = 0; i <= 1000; i++) {
      progress.update(i, 1000);
      wait(1);
    }
    progress.done();
    expect(text().split('\r').length - 1).toBeLessThanOrEqual(12);
    expect(text()).toContain('] 100% 1.00 kB of 1.00 kB');
  });

  it('shows the amount alone while the total is unknown', () => {
    const { progress, text } = screen(true);
    progress.update(5000);
    progress.done();
    expect(text()).toBe('\rmodel 5.00 kB\x1b[K\n');
  });

  it('never wraps', () => {
    const { progress, text } = screen(true);
    progress.update(1, 2, 'x'.repeat(500));
    expect(text().replace(/\x1b\[K|\r/g, '').length).toBe(79);
  });
});

describe('a transient display', () => {
  it('leaves nothing behind', () => {
    const { progress, text } = screen(true, { transient: true });
    progress.update(1, 2);
    progress.done();
    expect(text()).toMatch(/\r\x1b\[K$/);
  });

  it('writes nothing when it never began', () => {
    const { progress, text } = screen(true, { transient: true });
    progress.done();
    expect(text()).toBe('');
  });
});

describe('in a log', () => {
  it('writes a line about every ten percent', () => {
    const { progress, text, wait } = screen(false);
    for (let i = 0; i <= 1000; i++) {
      progress.update(i * 1000, 1_000_000);
      wait(10);
    }
    progress.done();
    const lines = text().trimEnd().split('\n');
    expect(lines).toHaveLength(11);
    expect(lines[3]).toBe('model: 30%, 300 kB of 1.00 MB, 100 kB/s, 7s left');
    expect(lines[10]).toBe('model: 100%, 1.00 MB of 1.00 MB, 100 kB/s');
    expect(text()).not.toContain('\x1b');
  });

  it('writes a line every ten seconds without a total', () => {
    const { progress, text, wait } = screen(false);
    for (let i = 0; i < 25; i++) {
      progress.update(i);
      wait(1000);
    }
    expect(text().trimEnd().split('\n')).toHaveLength(3);
  });

  it('counts other units', () => {
    const { progress, text } = screen(false, { unit: 'steps' });
    progress.update(3, 10);
    expect(text()).toBe('model: 30%, 3 of 10 steps\n');
  });
});

it('is silent when quiet', () => {
  for (const isTTY of [true, false]) {
    const { progress, text } = screen(isTTY, { quiet: true });
    progress.update(1, 2);
    progress.done();
    expect(text()).toBe('');
  }
});

describe('numbers for people', () => {
  it('formats sizes and times', () => {
    expect([0, 999, 1000, 98_362_432, 999_600, 3.2e12].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.00 kB',
      '98.4 MB',
      '1.00 MB',
      '3.20 TB',
    ]);
    expect([0.4, 59, 185, 7800].map(formatDuration)).toEqual(['0s', '59s', '3m 05s', '2h 10m']);
  });

  it('never takes more than four digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999e12 }), (bytes) => {
        expect(formatBytes(bytes)).toMatch(/^\d{1,3}(\.\d{1,2})? [kMGT]?B$/);
      }),
    );
  });
});
