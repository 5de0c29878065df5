/** The conformance suite over the registered methods of this family. A method is covered by being registered. */

import { methods } from '../registry.ts';
import { conformance } from '../testing/conformance.ts';
import { special } from '../testing/conformance-special.ts';

for (const method of methods.values())
  if (method.family === 'constrained') conformance(method, special[method.slug]);
