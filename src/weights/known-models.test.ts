import { posix, win32 } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_MODEL,
  isPlainName,
  KNOWN_MODELS,
  knownModel,
  parseHubId,
  resolveModelId,
} from './known-models.ts';

describe('resolveModelId', () => {
  it('knows aliases in any case, the default and leaves the rest alone', () => {
    expect(resolveModelId('SmolLM2')).toBe(DEFAULT_MODEL);
    expect(resolveModelId()).toBe('HuggingFaceTB/SmolLM2-135M-Instruct');
    expect(resolveModelId('acme/model')).toBe('acme/model');
    expect(knownModel('smollm2')?.licence).toBe('Apache-2.0');
    expect(knownModel('acme/model')).toBeUndefined();
  });

  it('has one entry per id and alias, with usable checksums', () => {
    const names = KNOWN_MODELS.flatMap(({ id, alias }) => [...new Set([id, alias])]);
    expect(new Set(names).size).toBe(names.length);
    for (const source of KNOWN_MODELS.flatMap(({ sources }) => [...sources])) {
      if (source.kind === 'wheel') expect(source.sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});

describe('ids become folder names, so', () => {
  const pieces = fc.constantFrom(
    '..',
    '.',
    '/',
    '\\',
    ':',
    'a',
    'nul',
    'CON',
    ' ',
    '~',
    '\u0000',
    '-',
    '_',
    'x.gguf',
  );
  const names = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join('')),
  );

  it('a plain name is always one step down, on every system', () => {
    fc.assert(
      fc.property(names, (name) => {
        fc.pre(isPlainName(name));
        expect(posix.resolve('/cache', name)).toBe(`/cache/${name}`);
        expect(win32.resolve('C:\\root', name)).toBe(`C:\\root\\${name}`);
        expect(name).not.toMatch(/[.~ ]$|[\u0000-\u001f]/);
      }),
      { numRuns: 2000 },
    );
  });

  it('an accepted id is made of plain names only', () => {
    fc.assert(
      fc.property(fc.array(names, { maxLength: 4 }), (parts) => {
        const id = parts.join('/');
        try {
          const { owner, name, file } = parseHubId(id);
          expect([owner, name, file].filter((part) => part !== undefined).every(isPlainName)).toBe(true);
          expect([owner, name, file].filter((part) => part !== undefined).join('/')).toBe(id);
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-option' });
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['HuggingFaceTB/SmolLM2-135M-Instruct', 'a/b', 'acme/model_1.5/weights.Q4_K_M.gguf'])(
    'accepts %s',
    (id) => {
      expect(Object.values(parseHubId(id)).filter(Boolean).join('/')).toBe(id);
    },
  );

  it.each([
    '',
    'one',
    '/a/b',
    'a//b',
    'a/..',
    '../a',
    'a/b/../c.gguf',
    'a/b/c.safetensors',
    'a/b/c/d.gguf',
    'a\\b/c',
    'a/b?x',
    'a/%2e%2e',
    'C:/b',
    'a/nul',
    'a/b.',
    `a/${'x'.repeat(200)}`,
  ])('refuses %j', (id) => {
    expect(() => parseHubId(id)).toThrow(/is not a model id/);
  });
});
