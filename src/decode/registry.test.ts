/** The registry of methods, and what the conformance suite demands of its own settings. */

import { describe, expect, it } from 'vitest';
import { findMethod, methods } from './registry.ts';
import { conformance } from './testing/conformance.ts';
import { special, testedFamilies } from './testing/conformance-special.ts';

describe('the registry', () => {
  it('knows methods by their own slug, and no slug twice', () => {
    for (const [slug, method] of methods) {
      expect(method.slug).toBe(slug);
      expect(slug).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(findMethod(slug)).toBe(method);
    }
    expect(new Set([...methods.values()].map(({ title }) => title)).size).toBe(methods.size);
    for (const slug of Object.keys(special)) expect(methods.has(slug)).toBe(true);
  });

  it('has methods of families only that the conformance suite is run over', () => {
    expect(new Set([...methods.values()].map(({ family }) => family))).toEqual(new Set(testedFamilies));
  });

  it('names the methods there are when one is missing', () => {
    expect(() => findMethod('gredy')).toThrow(
      expect.objectContaining({ code: 'not-found', hint: expect.stringContaining('greedy') }),
    );
  });
});

describe('conformance itself', () => {
  it('takes no opt-out without a case or a reason', () => {
    const greedy = findMethod('greedy');
    expect(() => conformance(greedy, { optOuts: [{ case: 'no such case', reason: 'none' }] })).toThrow();
    const known = 'refuses an empty prompt';
    expect(() => conformance(greedy, { optOuts: [{ case: known, reason: '' }] })).toThrow();
  });
});
