import { afterEach, describe, expect, it, vi } from 'vitest';
import { colorDepth, createPaint } from './paint.ts';

const terminal = (depth: number, isTTY = true) =>
  ({ isTTY, getColorDepth: () => depth }) as unknown as NodeJS.WriteStream;

afterEach(() => vi.unstubAllEnvs());

describe('colorDepth', () => {
  it('follows the terminal', () => {
    vi.stubEnv('NO_COLOR', '');
    expect([1, 4, 8, 24].map((depth) => colorDepth(terminal(depth), true))).toEqual([1, 4, 4, 24]);
  });

  it('is none in a pipe, with --no-color and with NO_COLOR', () => {
    vi.stubEnv('NO_COLOR', '');
    expect(colorDepth(terminal(24, false), true)).toBe(1);
    expect(colorDepth(terminal(24), false)).toBe(1);
    vi.stubEnv('NO_COLOR', '1');
    expect(colorDepth(terminal(24), true)).toBe(1);
  });
});

describe('createPaint', () => {
  it('leaves text alone without colours', () => {
    const { bold, dim, struck, probability } = createPaint(1);
    expect([bold('a'), dim('b'), struck('c'), probability('d', 0.5, true)].join('')).toBe('abcd');
  });

  it('goes from red to green', () => {
    const { probability } = createPaint(4);
    expect([0, 0.3, 0.5, 0.7, 1].map((p) => probability('x', p))).toEqual(
      [31, 91, 33, 92, 32].map((code) => `\x1b[${code}mx\x1b[0m`),
    );
  });
});
