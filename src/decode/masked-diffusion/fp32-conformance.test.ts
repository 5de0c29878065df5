/** The conformance suite over the registered methods of this family, in single precision; see conformance.test.ts. */

import { methods } from '../registry.ts';
import { conformance } from '../testing/conformance.ts';
import { special } from '../testing/conformance-special.ts';

for (const method of methods.values())
  if (method.family === 'masked-diffusion')
    conformance(method, { ...special[method.slug], precisions: ['fp32'] });
