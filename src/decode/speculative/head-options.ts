/** Options of the methods that draft trees with heads. */

import { z } from 'zod';

export const treeOptions = z.strictObject({
  nodes: z.int().min(1).max(64).default(16).describe('Most tokens drafted in a step.'),
  size: z
    .enum(['adaptive', 'fixed'])
    .default('adaptive')
    .describe('Draft as many tokens as pay for the rows that they add, or always `nodes`.'),
});
