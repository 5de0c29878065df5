/**
 * The global prefix tree of a batch: a radix tree over the token ids of all prompts, of which only the branching nodes
 * are kept. Prompts are sorted; the common prefix lengths of neighbours then give the tree in one pass with a stack.
 * A prompt's last token is never shared: whoever shares all before it still has a row of its own to score.
 */

import { commonPrefix } from '../../cache/index.ts';

export interface PrefixNode {
  /** Tokens from the root to the end of the node; 0 at the root. */
  readonly depth: number;
  readonly children: PrefixNode[];
  /** Prompts that branch off here, by their number. */
  readonly prompts: number[];
}

/** Ascending by token ids, a prompt before those that it begins. */
function compare(a: readonly number[], b: readonly number[]): number {
  const common = commonPrefix(a, b);
  return common < a.length && common < b.length ? a[common] - b[common] : a.length - b.length;
}

/** The tree of some prompts, none of them empty; time O(all tokens · log prompts). */
export function prefixTree(prompts: readonly (readonly number[])[]): PrefixNode {
  const order = [...prompts.keys()].sort((a, b) => compare(prompts[a], prompts[b]) || a - b);
  const root: PrefixNode = { depth: 0, children: [], prompts: [] };
  // The path to the last prompt: depths ascend.
  const path = [root];
  for (const [place, prompt] of order.entries()) {
    const before = order[place - 1];
    const shared = place === 0 ? 0 : sharable(prompts[before], prompts[prompt]);
    const ahead = order[place + 1];
    const own = ahead === undefined ? shared : Math.max(shared, sharable(prompts[prompt], prompts[ahead]));
    while (path[path.length - 1].depth > shared) {
      const closed = path.pop()!;
      const parent = path[path.length - 1];
      if (parent.depth >= shared) parent.children.push(closed);
      else path.push({ depth: shared, children: [closed], prompts: [] });
    }
    if (path[path.length - 1].depth < own) path.push({ depth: own, children: [], prompts: [] });
    path[path.length - 1].prompts.push(prompt);
  }
  while (path.length > 1) path[path.length - 2].children.push(path.pop()!);
  return root;
}

const sharable = (a: readonly number[], b: readonly number[]): number =>
  Math.min(commonPrefix(a, b), a.length - 1, b.length - 1);
