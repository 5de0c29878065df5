/**
 * The conformance suite over the registered methods of this family. A method is covered by being registered. The other precision
 * has a file of its own, so that two processes share the work.
 */

import { methods } from '../registry.ts';
import { conformance } from '../testing/conformance.ts';
import { special } from '../testing/conformance-special.ts';

for (const method of methods.values())
  if (method.family === 'masked-diffusion')
    conformance(method, { ...special[method.slug], precisions: ['w8a8'] });
