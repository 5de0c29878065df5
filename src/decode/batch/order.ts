/**
 * The order in which the prompts of a batch begin: group by group, so that few prefixes are alive at a time, and those
 * first that decode much for what they read (BatchLLM, arXiv:2412.03594, section 5): they stay while the prompts of
 * others are read, and decoding rows and prompt rows share forwards to the end.
 */

import type { PrefixGroup } from './prefix-groups.ts';

/** What is known of a prompt's work. */
export interface Job {
  readonly tokens: readonly number[];
  /** Answer tokens, as far as one can tell. */
  readonly expected: number;
}

export type Order = 'decode-heavy' | 'given';

/** Numbers of the jobs in the order in which they begin. Ties, and all with `given`, keep the given order. */
export function orderOf(jobs: readonly Job[], groups: readonly PrefixGroup[], order: Order): number[] {
  const grouped = new Set(groups.flatMap(({ members }) => members));
  const alone = [...jobs.keys()]
    .filter((job) => !grouped.has(job))
    .map((job) => ({ length: 0, members: [job] }));
  const first = ({ members }: PrefixGroup) => members.reduce((least, job) => Math.min(least, job));
  const units = [...groups, ...alone].map(({ length, members }) => ({
    ratio: decodeRatio(length, members, jobs),
    first: first({ length, members }),
    members: [...members].sort(
      order === 'given'
        ? (a, b) => a - b
        : (a, b) => decodeRatio(0, [b], jobs, length) - decodeRatio(0, [a], jobs, length) || a - b,
    ),
  }));
  units.sort(
    order === 'given' ? (a, b) => a.first - b.first : (a, b) => b.ratio - a.ratio || a.first - b.first,
  );
  return units.flatMap(({ members }) => members);
}

/** Answer tokens over prompt tokens that are read: of the prefix, and of each member behind `shared` tokens. */
function decodeRatio(
  prefix: number,
  members: readonly number[],
  jobs: readonly Job[],
  shared = prefix,
): number {
  let [decoded, read] = [0, prefix];
  for (const member of members) {
    decoded += jobs[member].expected;
    read += jobs[member].tokens.length - shared;
  }
  return decoded / read;
}
