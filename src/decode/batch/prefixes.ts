/**
 * What a prompt that is about to be read shares with others. BatchLLM knows the groups beforehand: the first member
 * reads the prefix, all others begin behind it, and it goes with the last of them. The usual way (vLLM, SGLang) is to
 * look for the longest beginning among what has been read and is still there, the least recently used of it going
 * first. Both hold forks of the readers' sequences, so the reference counts of the slots do the rest.
 */

import { commonPrefix, type Sequence, type SlotCache } from '../../cache/index.ts';
import type { Run } from '../run.ts';
import type { PrefixGroup } from './prefix-groups.ts';

/** The first `length` entries of a sequence. */
export interface SharedPrefix {
  sequence: Sequence;
  length: number;
}

export interface Prefixes {
  /** What prompt number `prompt` can begin with now; 'soon' when a run is just reading it. */
  find(prompt: number): SharedPrefix | 'soon' | undefined;
  /** The prompt's run has begun, with what was found; without a run, it never will. */
  began(prompt: number, run?: Run): void;
  /** The prompt's run has taken a step. */
  advanced(prompt: number, run: Run): void;
  /** The prompt's run has ended. */
  ended(prompt: number): void;
  /** The prompt's run was stopped, and will begin once more. */
  stopped(prompt: number): void;
  /**
   * Makes room by letting go of something that is held for prompts to come; false when there is nothing.
   * @param idle No run is left that could make room: even what is sure to be used goes.
   */
  release(idle: boolean): boolean;
}

/** Nothing is shared. */
export const noPrefixes: Prefixes = {
  find: () => undefined,
  began() {},
  advanced() {},
  ended() {},
  stopped() {},
  release: () => false,
};

interface GroupState {
  readonly length: number;
  /** Members that have not begun. */
  waiting: number;
  /** The member that reads the prefix. */
  reader?: number;
  /** The prefix, while there are members to come. */
  held?: Sequence;
}

/** The prefixes of groups that are known beforehand. */
export class GroupPrefixes implements Prefixes {
  readonly #slots: SlotCache;
  readonly #groups = new Map<number, GroupState>();

  constructor(slots: SlotCache, groups: readonly PrefixGroup[]) {
    this.#slots = slots;
    for (const { length, members } of groups) {
      const state: GroupState = { length, waiting: members.length };
      for (const member of members) this.#groups.set(member, state);
    }
  }

  find(prompt: number): SharedPrefix | 'soon' | undefined {
    const group = this.#groups.get(prompt);
    if (!group) return undefined;
    if (group.held) return { sequence: group.held, length: group.length };
    return group.reader === undefined ? undefined : 'soon';
  }

  began(prompt: number, run?: Run): void {
    const group = this.#groups.get(prompt);
    if (!group) return;
    group.waiting--;
    if (run && !group.held) group.reader = prompt;
    if (group.held && group.waiting === 0) this.#letGo(group);
  }

  advanced(prompt: number, { sequence }: Run): void {
    const group = this.#groups.get(prompt);
    if (group?.reader !== prompt || sequence.length < group.length) return;
    group.reader = undefined;
    if (group.waiting === 0) return;
    group.held = this.#slots.fork(sequence);
    this.#slots.crop(group.held, group.length);
  }

  ended(prompt: number): void {
    const group = this.#groups.get(prompt);
    if (group?.reader === prompt) group.reader = undefined;
  }

  stopped(prompt: number): void {
    this.ended(prompt);
    const group = this.#groups.get(prompt);
    if (group) group.waiting++;
  }

  release(idle: boolean): boolean {
    const group = idle && [...this.#groups.values()].find(({ held }) => held);
    if (!group) return false;
    this.#letGo(group);
    return true;
  }

  #letGo(group: GroupState): void {
    this.#slots.free(group.held!);
    group.held = undefined;
  }
}

/** A prompt that was read, or its beginning that has been read so far. */
interface Known {
  readonly tokens: readonly number[];
  readonly sequence: Sequence;
}

/** Beginnings of prompts that were read before. */
export class RecentPrefixes implements Prefixes {
  readonly #slots: SlotCache;
  readonly #prompts: readonly (readonly number[])[];
  /** Prompts of runs that have not been read to the end. */
  readonly #reading = new Map<number, Known>();
  /** Prompts that were read, the least recently used first. */
  readonly #read = new Map<number, Known>();

  constructor(slots: SlotCache, prompts: readonly (readonly number[])[]) {
    this.#slots = slots;
    this.#prompts = prompts;
  }

  find(prompt: number): SharedPrefix | undefined {
    const tokens = this.#prompts[prompt];
    let best: { number: number; sequence: Sequence; length: number } | undefined;
    for (const known of [this.#read, this.#reading]) {
      for (const [number, { tokens: other, sequence }] of known) {
        const length = Math.min(commonPrefix(tokens, other), tokens.length - 1, sequence.length);
        if (length > (best?.length ?? 0)) best = { number, sequence, length };
      }
    }
    const used = best && this.#read.get(best.number);
    if (used) {
      this.#read.delete(best!.number);
      this.#read.set(best!.number, used);
    }
    return best;
  }

  began(prompt: number, run?: Run): void {
    if (run) this.#reading.set(prompt, { tokens: this.#prompts[prompt], sequence: run.sequence });
  }

  advanced(prompt: number, { sequence }: Run): void {
    const tokens = this.#prompts[prompt];
    if (sequence.length < tokens.length || !this.#reading.delete(prompt)) return;
    const kept = this.#slots.fork(sequence);
    this.#slots.crop(kept, tokens.length);
    this.#read.set(prompt, { tokens, sequence: kept });
  }

  ended(prompt: number): void {
    this.#reading.delete(prompt);
  }

  stopped(prompt: number): void {
    this.ended(prompt);
  }

  release(): boolean {
    const [oldest] = this.#read;
    if (!oldest) return false;
    this.#read.delete(oldest[0]);
    this.#slots.free(oldest[1].sequence);
    return true;
  }
}
