/** The theme where nothing can be kept: browsers that block all cookies throw at the mere mention of their storage. */

import { expect, it, vi } from 'vitest';
import { applyTheme, readTheme } from '../src/theme.ts';
import { document } from './dom.ts';

it('is what the system says, and can be changed', () => {
  Object.defineProperty(globalThis, 'localStorage', {
    get() {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    },
  });
  vi.stubGlobal('matchMedia', () => ({ matches: true }));
  expect(readTheme()).toBe('system');
  applyTheme(readTheme());
  expect(document.documentElement.dataset.theme).toBe('dark');
  applyTheme('light');
  expect(document.documentElement.dataset.theme).toBe('light');
});
