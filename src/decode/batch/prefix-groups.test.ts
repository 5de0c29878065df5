/** The prefix tree and the grouping against plain definitions. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonPrefix } from '../../cache/index.ts';
import { multiLevelSaving, prefixGroups } from './prefix-groups.ts';
import { type PrefixNode, prefixTree } from './prefix-tree.ts';

/** Few tokens, so that prompts begin alike, repeat each other and begin one another. */
const prompts = (maxLength: number) =>
  fc.array(fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 9 }), {
    minLength: 1,
    maxLength,
  });

const nodesOf = (root: PrefixNode): PrefixNode[] => [root, ...root.children.flatMap(nodesOf)];
const promptsUnder = (node: PrefixNode): number[] => [
  ...node.prompts,
  ...node.children.flatMap(promptsUnder),
];

/** What choosing these nodes as groups saves. */
function savingOf(root: PrefixNode, chosen: ReadonlySet<PrefixNode>): number {
  const walk = (node: PrefixNode, above: number): number => {
    const depth = chosen.has(node) ? node.depth : above;
    const below = node.children.reduce((sum, child) => sum + walk(child, depth), 0);
    return below + node.prompts.length * depth - (chosen.has(node) ? node.depth : 0);
  };
  return walk(root, 0);
}

describe('prefixTree', () => {
  it('has a node for each common beginning of two prompts, and each prompt at its deepest', () => {
    fc.assert(
      fc.property(prompts(12), (list) => {
        const root = prefixTree(list);
        expect(promptsUnder(root).toSorted((a, b) => a - b)).toEqual([...list.keys()]);
        const shared = (a: number, b: number) =>
          Math.min(commonPrefix(list[a], list[b]), list[a].length - 1, list[b].length - 1);
        for (const node of nodesOf(root)) {
          const under = promptsUnder(node);
          for (const child of node.children) expect(child.depth).toBeGreaterThan(node.depth);
          for (const prompt of under) expect(list[prompt].length).toBeGreaterThan(node.depth);
          for (const a of under)
            for (const b of under) if (a !== b) expect(shared(a, b)).toBeGreaterThanOrEqual(node.depth);
          for (const prompt of node.prompts) {
            const others = [...list.keys()].filter((other) => other !== prompt);
            expect(Math.max(0, ...others.map((other) => shared(prompt, other)))).toBe(node.depth);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('takes a prompt apart that all others begin with', () => {
    const root = prefixTree([[1, 2, 3, 4], [1, 2], [1, 2, 3], [5]]);
    const [first] = root.children;
    expect(root.prompts).toEqual([3]);
    expect(first).toMatchObject({ depth: 1, prompts: [1] });
    expect(first.children).toMatchObject([{ depth: 2, children: [], prompts: [2, 0] }]);
  });
});

describe('prefixGroups', () => {
  it('saves as much as the best of all choices of nodes', () => {
    fc.assert(
      fc.property(prompts(14), (list) => {
        const root = prefixTree(list);
        const nodes = nodesOf(root);
        fc.pre(nodes.length <= 11);
        let best = 0;
        for (let bits = 0; bits < 2 ** nodes.length; bits++) {
          const chosen = new Set(nodes.filter((_, i) => (bits >> i) & 1));
          best = Math.max(best, savingOf(root, chosen));
        }
        const { groups, saved } = prefixGroups(root);
        expect(saved).toBe(best);
        expect(groups.reduce((sum, { length, members }) => sum + length * (members.length - 1), 0)).toBe(
          best,
        );
        const all = groups.flatMap(({ members }) => members);
        expect(new Set(all).size).toBe(all.length);
        for (const { length, members } of groups) {
          expect(members.length).toBeGreaterThan(1);
          for (const member of members) {
            expect(list[member].length).toBeGreaterThan(length);
            expect(commonPrefix(list[member], list[members[0]])).toBeGreaterThanOrEqual(length);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('prefers the document to the system text where it saves more, and the system text where it does not', () => {
    const system = Array.from({ length: 20 }, () => 9);
    const ask = (document: number, words: number, question: number) => [
      ...system,
      ...Array.from({ length: words }, () => document),
      100 + question,
    ];
    const long = [1, 2].flatMap((document) => [1, 2, 3].map((question) => ask(document, 50, question)));
    expect(prefixGroups(prefixTree(long)).groups.map(({ length }) => length)).toEqual([70, 70]);
    const short = [1, 2].flatMap((document) => [1, 2, 3].map((question) => ask(document, 3, question)));
    expect(prefixGroups(prefixTree(short)).groups).toEqual([{ length: 20, members: [0, 1, 2, 3, 4, 5] }]);
  });

  it('never saves more than sharing at all levels, and manages deep chains', () => {
    fc.assert(
      fc.property(prompts(20), (list) => {
        const root = prefixTree(list);
        expect(prefixGroups(root).saved).toBeLessThanOrEqual(multiLevelSaving(root, list));
      }),
    );
    const chain = Array.from({ length: 1500 }, (_, i) => Array.from({ length: i + 2 }, () => 1));
    const { saved, groups } = prefixGroups(prefixTree(chain));
    expect(saved).toBe(groups.reduce((sum, { length, members }) => sum + length * (members.length - 1), 0));
    expect(multiLevelSaving(prefixTree(chain), chain)).toBeGreaterThan(saved);
  });
});
