/** Options that fit together, and those that do not: which error names which option, before anything runs. */

import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../../errors.ts';
import { canvasLanguage, decodeCanvasTokens } from '../testing/canvas-model.ts';
import { diffusion } from './diffusion.ts';

const language = canvasLanguage(1, 8, 0);

const decode = (methodOptions: Record<string, unknown>, maxTokens = 16, contextLength = 40) =>
  decodeCanvasTokens(diffusion, language, {
    prompt: [1, 2, 3, 4],
    maxTokens,
    contextLength,
    methodOptions,
    maskId: 0,
  });

async function refusal(methodOptions: Record<string, unknown>, maxTokens?: number): Promise<QuickstepError> {
  const error = await decode(methodOptions, maxTokens).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(QuickstepError.isInstance(error)).toBe(true);
  return error as QuickstepError;
}

describe('a canvas that cannot be laid out is refused', () => {
  it.each([
    [{ genLength: 12, blockLength: 5 }, 'genLength', 'genLength 15'],
    [{ genLength: 8, blockLength: 16 }, 'blockLength', '0 for one block'],
    [{ genLength: 20 }, 'genLength', 'maxTokens 20'],
    [{ genLength: 16, blockLength: 4, steps: 6 }, 'steps', 'multiple of 4'],
    [{ genLength: 16, steps: 17 }, 'steps', '16 steps at most'],
    [{ steps: 4, threshold: 0.9 }, 'steps', 'one of the two'],
    [{ steps: 4, factor: 1 }, 'steps', 'one of the two'],
    [{ threshold: 0.9, factor: 1 }, 'factor', 'one of the two'],
    [{ threshold: 0.9, order: 'entropy' }, 'threshold', 'low_confidence'],
    [{ factor: 1, order: 'random' }, 'factor', 'low_confidence'],
    [{ genLength: 0 }, 'genLength', 'Length'],
    [{ steps: -1 }, 'steps', 'Steps'],
    [{ cfgScale: -1 }, 'cfgScale', 'guidance'],
    [{ threshold: -0.1 }, 'threshold', 'confidence'],
  ])('%j names %s and a remedy', async (options, name, remedy) => {
    const { code, message, hint } = await refusal(options);
    expect(code).toBe('bad-option');
    expect(message).toContain(`"${name}"`);
    expect(hint).toContain(remedy);
  });

  it('when it does not fit into the context', async () => {
    const { code, message, hint } = await refusal({ genLength: 37 }, 64);
    expect(code).toBe('bad-input');
    expect(message).toContain('37');
    expect(hint).toContain('genLength 36');
  });
});

describe('what is left out is fitted', () => {
  it('takes maxTokens, or the room there is, and lets the last block be shorter', async () => {
    const shapes = async (...settings: Parameters<typeof decode>) => {
      const { run, steps } = await decode(...settings);
      return [run.generated.length, steps.length, run.finish];
    };
    expect(await shapes({}, 16)).toEqual([16, 16, 'length']);
    expect(await shapes({}, 100)).toEqual([36, 36, 'context']);
    expect(await shapes({ blockLength: 5 }, 16)).toEqual([16, 16, 'length']);
    expect(await shapes({ genLength: 8 }, 16)).toEqual([8, 8, 'length']);
    expect(await shapes({ genLength: 8, blockLength: 0, steps: 2 }, 16)).toEqual([8, 2, 'length']);
    expect(await shapes({}, 0)).toEqual([0, 1, 'length']);
  });

  it('decodes 32 positions together unless told otherwise', async () => {
    const { steps } = await decode({ order: 'random' }, 60, 100);
    const positions = steps.flatMap(({ committed }) => committed.map(({ position }) => position));
    expect(Math.max(...positions.slice(0, 32))).toBe(31);
    expect(positions.slice(0, 32)).not.toEqual(positions.slice(0, 32).toSorted((a, b) => a - b));
  });
});
