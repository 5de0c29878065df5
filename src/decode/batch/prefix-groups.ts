/**
 * One shared prefix for each prompt, chosen so that the most tokens are saved (BatchLLM, arXiv:2412.03594, section 4:
 * a multi-level tree reduced to a single level). A group at a node costs the node's depth once and saves it for every
 * member; a prompt belongs to the nearest group above it:
 *
 *   f(prompt, d) = d,   f(v, d) = max(Σ f(c, d), Σ f(c, depth v) - depth v),   saved = f(root, 0)
 *
 * over children c of v, d the depth of the nearest group above. f(v, ·) ascends and is convex, linear in pieces, and
 * constant below the depth from which a group at v no longer pays. So the optimum needs no table over pairs of nodes:
 * each node passes its function upwards as a short list of bends, and keeps where its own begins.
 */

import type { PrefixNode } from './prefix-tree.ts';

export interface PrefixGroup {
  /** Tokens that the members share. */
  readonly length: number;
  /** Numbers of the prompts, two or more. */
  readonly members: readonly number[];
}

export interface PrefixGroups {
  /** No prompt is in two of them; those in none share nothing. */
  readonly groups: readonly PrefixGroup[];
  /** Prompt tokens that need not be computed. */
  readonly saved: number;
}

/** A function of d: `base` at 0, its slope growing by `slope` at each bend, ascending. */
interface Gain {
  base: number;
  bends: { at: number; slope: number }[];
}

function valueAt({ base, bends }: Gain, d: number): number {
  let value = base;
  for (const { at, slope } of bends) {
    if (at >= d) break;
    value += slope * (d - at);
  }
  return value;
}

function sum(gains: readonly Gain[]): Gain {
  const slopes = new Map<number, number>();
  for (const { bends } of gains)
    for (const { at, slope } of bends) slopes.set(at, (slopes.get(at) ?? 0) + slope);
  const bends = [...slopes].map(([at, slope]) => ({ at, slope })).sort((a, b) => a.at - b.at);
  return { base: gains.reduce((total, { base }) => total + base, 0), bends };
}

/** max(gain, floor), and up to which d the floor is above the gain. */
function raise(gain: Gain, floor: number): { gain: Gain; below: number } {
  if (floor <= gain.base) return { gain, below: 0 };
  let [value, slope, at] = [gain.base, 0, 0];
  const left = [...gain.bends];
  while (left.length > 0 && value + slope * (left[0].at - at) < floor) {
    const bend = left.shift()!;
    value += slope * (bend.at - at);
    slope += bend.slope;
    at = bend.at;
  }
  const below = at + (floor - value) / slope;
  return { gain: { base: floor, bends: [{ at: below, slope }, ...left] }, below };
}

/** Nodes with those below them first. */
function bottomUp(root: PrefixNode): PrefixNode[] {
  const nodes = [root];
  for (const node of nodes) nodes.push(...node.children);
  return nodes.reverse();
}

/** The groups that save the most. */
export function prefixGroups(root: PrefixNode): PrefixGroups {
  const gains = new Map<PrefixNode, Gain>();
  /** A group at the node pays where the nearest one above is less deep than this. */
  const opensBelow = new Map<PrefixNode, number>();
  for (const node of bottomUp(root)) {
    const own: Gain = { base: 0, bends: [{ at: 0, slope: node.prompts.length }] };
    const together = sum([...node.children.map((child) => gains.get(child)!), own]);
    for (const child of node.children) gains.delete(child);
    const { gain, below } = raise(together, valueAt(together, node.depth) - node.depth);
    // No group above is as deep as the node.
    gains.set(node, { base: gain.base, bends: gain.bends.filter(({ at }) => at < node.depth) });
    opensBelow.set(node, below);
  }
  return { groups: assign(root, opensBelow), saved: gains.get(root)!.base };
}

function assign(root: PrefixNode, opensBelow: ReadonlyMap<PrefixNode, number>): PrefixGroup[] {
  const groups: { length: number; members: number[] }[] = [];
  const open: { node: PrefixNode; group: { length: number; members: number[] } | undefined }[] = [
    { node: root, group: undefined },
  ];
  for (const { node, group } of open) {
    let own = group;
    if ((group?.length ?? 0) < opensBelow.get(node)!) {
      own = { length: node.depth, members: [] };
      groups.push(own);
    }
    own?.members.push(...node.prompts);
    for (const child of node.children) open.push({ node: child, group: own });
  }
  return groups;
}

/** Prompt tokens that could be saved if prefixes were shared at all levels: each node's tokens are computed once. */
export function multiLevelSaving(root: PrefixNode, prompts: readonly (readonly number[])[]): number {
  let computed = 0;
  const open = [{ node: root, above: 0 }];
  for (const { node, above } of open) {
    computed += node.depth - above;
    for (const prompt of node.prompts) computed += prompts[prompt].length - node.depth;
    for (const child of node.children) open.push({ node: child, above: node.depth });
  }
  return prompts.reduce((total, { length }) => total + length, 0) - computed;
}
