/** How much garbage the process of a server lets lie. */

import { setFlagsFromString } from 'node:v8';

/** Percent of what is alive in V8's old space that may come on top of it before it is collected. */
const mostGarbage = 30;

/**
 * By default V8 lets its heap grow to several times what is alive, the more the busier it is, so that a server's memory
 * swings with its load. Collections that come earlier keep it level; they run beside the forwards for the most part.
 */
export function keepHeapSteady(): void {
  setFlagsFromString(`--heap-growing-percent=${mostGarbage}`);
}
