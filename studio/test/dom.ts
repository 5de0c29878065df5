/** Test support: a document without a browser, for what a page does before it is drawn. */

import { parseHTML } from 'linkedom';
import { vi } from 'vitest';

export const { document, window, HTMLElement } = parseHTML('<main></main>');
vi.stubGlobal('document', document);
vi.stubGlobal('requestAnimationFrame', (draw: () => void) => setTimeout(draw));
vi.stubGlobal('cancelAnimationFrame', clearTimeout);

/** Where a component is rendered. */
export const main = document.querySelector('main') as unknown as HTMLElement;

/** Lets promises, frames and effects be done. */
export const settle = () => new Promise((resolve) => setTimeout(resolve, 50));

/** Does something to an element of `main`, a value given to it before. */
export async function act(selector: string, type: string, { value = '', index = 0 } = {}): Promise<void> {
  const target = main.querySelectorAll(selector)[index];
  // The library's select has no setter.
  if (value !== '') Object.defineProperty(target, 'value', { value, writable: true });
  target.dispatchEvent(new window.Event(type, { bubbles: true, cancelable: true }) as unknown as Event);
  await settle();
}
