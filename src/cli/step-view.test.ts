import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DraftToken, Step } from '../decode/step.ts';
import { type ColorDepth, createPaint } from './paint.ts';
import { drawStep, plainStep, stepHeader } from './step-view.ts';
import { textWidth } from './text-width.ts';

const words = [' zero', ' one', ' two', ' three', ' four', ' five', '\n', '\x1b[2J'];
const tokenText = (token: number) => words[token];
const view = (depth: ColorDepth, columns = 80) => ({ tokenText, paint: createPaint(depth), columns });

function stepOf(tokens: number[], proposed: DraftToken[] = [], rest: Partial<Step> = {}): Step {
  const committed = tokens.map((token, position) => ({
    position,
    token,
    probability: Math.max(0, 0.9 - position * 0.3),
  }));
  const counters = {
    request: 0,
    step: 7,
    forwards: 1,
    rows: proposed.length + 1,
    slots: 40,
    seconds: 0.0123,
  };
  return { ...counters, kind: 'decode', proposed, committed, text: '', ...rest };
}

const draft = (token: number, parent: number, accepted = false): DraftToken => ({ token, parent, accepted });

describe('drawStep', () => {
  it('puts counters and tokens on one line', () => {
    expect(drawStep(stepOf([1]), view(1))).toBe('    7     1     40    12.3          one\n');
  });

  it('draws a rejected draft below the place where it left the accepted path', () => {
    const proposed = [draft(1, -1, true), draft(2, 0), draft(3, 1)];
    expect(drawStep(stepOf([1, 4], proposed), view(1)).split('\n')).toEqual([
      '    7     4     40    12.3    1/3   one four',
      '                                      ╰ two three',
      '',
    ]);
  });

  it('draws each branch of a tree on a line that reads by itself', () => {
    const proposed = [draft(1, -1), draft(2, 0), draft(3, 0), draft(4, -1)];
    expect(
      drawStep(stepOf([5], proposed), view(1))
        .split('\n')
        .slice(1, 4),
    ).toEqual([
      '                                  ╰ one two',
      '                                  ╰ one three',
      '                                  ╰ four',
    ]);
  });

  it('colours by probability, bold when drafted, struck when rejected', () => {
    const proposed = [draft(1, -1, true), draft(2, 0)];
    const drawn = drawStep(stepOf([1, 3], proposed), view(24));
    expect(drawn).toContain('\x1b[1;38;2;52;168;112m one\x1b[0m');
    expect(drawn).toContain('\x1b[38;2;134;168;56m three\x1b[0m');
    expect(drawn).toContain('\x1b[2;9m two\x1b[0m');
    expect(drawStep(stepOf([1, 3], proposed), view(4))).toContain('\x1b[1;32m one\x1b[0m');
  });

  it('obeys no control character of a token', () => {
    const drawn = drawStep(stepOf([6, 7], [draft(7, -1)]), view(1));
    expect(drawn).toContain('↵␛[2J');
    expect(drawn).not.toContain('\x1b');
  });

  it('says when the prompt is read and why a run ended', () => {
    expect(drawStep(stepOf([], [], { kind: 'prefill' }), view(1))).toContain('reading the prompt');
    expect(drawStep(stepOf([1], [], { finish: 'length' }), view(1))).toContain(' one ■ length');
  });

  it('never leaves the terminal, and without colour prints no escape code', () => {
    const anyStep = fc
      .record({
        tokens: fc.array(fc.nat(words.length - 1), { maxLength: 30 }),
        accepted: fc.nat(10),
        rejected: fc.array(fc.nat(words.length - 1), { maxLength: 30 }),
      })
      .map(({ tokens, accepted, rejected }) => {
        const path = tokens.slice(0, accepted).map((token, i) => draft(token, i - 1, true));
        const chain = rejected.map((token, i) => draft(token, path.length + i - 1));
        return stepOf(tokens, [...path, ...chain]);
      });
    fc.assert(
      fc.property(anyStep, fc.integer({ min: 60, max: 200 }), (step, columns) => {
        const drawn = drawStep(step, view(1, columns));
        expect(drawn.endsWith('\n')).toBe(true);
        expect(drawn).not.toContain('\x1b');
        for (const line of drawn.split('\n')) expect(textWidth(line)).toBeLessThan(columns);
      }),
    );
  });
});

describe('drawStep of a canvas', () => {
  const canvasStep = (canvas: number[], fresh: number[]) =>
    stepOf([], [], {
      canvas,
      committed: fresh.map((position) => ({ position, token: canvas[position], probability: 0.9 })),
    });

  it('shows masks, what the step committed and what was there, in place', () => {
    expect(drawStep(canvasStep([1, -1, 2, -1, 3], [2]), view(1))).toBe(
      '    7     1     40    12.3          one·[ two]· three\n',
    );
    const drawn = drawStep(canvasStep([1, -1, 2, -1, 3], [2]), view(24));
    expect(drawn).toContain(' one\x1b[2m·\x1b[0m\x1b[1;38;2;52;168;112m two\x1b[0m\x1b[2m·\x1b[0m three');
  });

  it('counts long runs of masks and of padding', () => {
    const canvas = [1, ...Array<number>(12).fill(5), ...Array<number>(40).fill(-1)];
    expect(drawStep(canvasStep(canvas, [0]), view(1, 120))).toContain(
      `[ one] five five five+9 ${'·'.repeat(24)}+16`,
    );
  });

  it('stays within the terminal', () => {
    const anyCanvas = fc.array(fc.integer({ min: -1, max: words.length - 1 }), {
      minLength: 1,
      maxLength: 90,
    });
    fc.assert(
      fc.property(anyCanvas, fc.integer({ min: 60, max: 120 }), fc.nat(), (canvas, columns, seed) => {
        const fresh = canvas.flatMap((token, i) => (token >= 0 && (seed >> (i % 30)) & 1 ? [i] : []));
        const drawn = drawStep(canvasStep(canvas, fresh), view(1, columns));
        expect(drawn).not.toContain('\x1b');
        for (const line of drawn.split('\n')) expect(textWidth(line)).toBeLessThan(columns);
      }),
    );
  });

  it('tells positions in a pipe', () => {
    expect(plainStep(canvasStep([-1, 2, 1], [2, 1]), tokenText)).toBe(
      'step 7: 1 rows, 40 slots, 12.3 ms: 2 " one" 90%, 1 " two" 90%\n',
    );
  });

  it('has a legend of its own', () => {
    expect(stepHeader({ paint: createPaint(1) }, canvasStep([1], [0]))).toContain(
      '[committed now], · masked',
    );
  });
});

describe('stepHeader', () => {
  it('stands above the columns', () => {
    expect(stepHeader({ paint: createPaint(1) })).toBe(
      ' step  rows  slots      ms  draft  tokens drafted, ╰rejected\n',
    );
    expect(stepHeader({ paint: createPaint(24) })).toContain('■');
  });
});

describe('plainStep', () => {
  it('is one line without escape codes', () => {
    const proposed = [draft(1, -1, true), draft(7, 0)];
    expect(plainStep(stepOf([1, 4], proposed, { finish: 'eos' }), tokenText)).toBe(
      'step 7: 3 rows, 40 slots, 12.3 ms: +" one" 90%, " four" 60%, finish eos, -"␛[2J"\n',
    );
  });
});
