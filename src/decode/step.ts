/**
 * The record of one decoding step, and the counters every method shares. Streaming, the CLI's progress line, the
 * step viewer, proofs and benchmarks all read these; nothing about a run is told any other way.
 */

import type { ScoredToken } from './sampling/sampler.ts';

/**
 * Why a run ended: an end token, a stop string, the token limit, or the model's context is full.
 */
export type FinishReason = 'eos' | 'stop' | 'length' | 'context';

/** A drafted token that the step had scored. */
export interface DraftToken {
  token: number;
  /** Index in `Step.proposed` of the draft token before it, -1 when it follows the committed text. */
  parent: number;
  accepted: boolean;
}

/** A token committed to the answer. */
export interface CommittedToken {
  /** Index in the answer, from 0. Canvas methods commit in any order, also behind the end of the answer. */
  position: number;
  token: number;
  /** The model's own probability of it, before any sampling option. */
  probability: number;
  /** Most likely alternatives with log probabilities, when `logprobs` was asked for. */
  top?: ScoredToken[];
}

/** What drawing whole answers has told of the model's probability of legal ones. */
export interface LegalMass {
  /** Answers drawn, the one that was answered with included. */
  draws: number;
  /** The probability that the model, left to itself, gives a legal answer lies between these. */
  least: number;
  most: number;
  /**
   * Share of the distribution the answer was drawn from that lay on answers not drawn before. It is at most so far from
   * the model's own distribution over legal answers, in total variation.
   */
  unseen: number;
  /** The answer was drawn from the model's own distribution over legal answers itself. */
  exact: boolean;
}

/** Counters of a run; `forwards` of runs that share a forward count it once each. */
export interface Statistics {
  forwards: number;
  /** Rows run through the model, prompt included. */
  rows: number;
  /** Tokens in the answer; padding behind an end token is none of it. */
  committed: number;
  /** Draft tokens scored, and those of them that were right. */
  drafted: number;
  accepted: number;
  /** Forwards of a draft model, and the rows run through it. */
  draftForwards: number;
  draftRows: number;
  /** Forwards of a router, and the rows run through it. */
  routerForwards: number;
  routerRows: number;
  /** K/V rows (one token in all layers) that forwards read from and wrote to the cache. */
  kvRead: number;
  kvWritten: number;
  /** Prompt tokens that were not read because another sequence held their K/V. */
  kvReused: number;
  /** Of step-level speculation: tokens of the steps that the model wrote, not the draft. */
  rewritten?: number;
  /** Of methods that draw whole answers. */
  legal?: LegalMass;
  /** Seconds by phase. */
  seconds: { propose: number; score: number; choose: number; remember: number };
}

export interface Step {
  /** Which prompt of a batch this step belongs to. */
  request: number;
  /** Number of the step in its run, from 1. */
  step: number;
  /** Prompt rows still being read, or tokens being decoded. */
  kind: 'prefill' | 'decode';
  /** Forwards this step took, and the rows of this run in them. */
  forwards: number;
  rows: number;
  proposed: readonly DraftToken[];
  committed: readonly CommittedToken[];
  /** Of canvas methods: all answer tokens after the step by position, -1 where none is committed yet. */
  canvas?: readonly number[];
  /** Text that became final in this step; the answer is the concatenation over steps. */
  text: string;
  /** K/V slots in use after the step, all runs together. */
  slots: number;
  /** Wall time of the step. */
  seconds: number;
  finish?: FinishReason;
}

export function newStatistics(): Statistics {
  return {
    forwards: 0,
    rows: 0,
    committed: 0,
    drafted: 0,
    accepted: 0,
    draftForwards: 0,
    draftRows: 0,
    routerForwards: 0,
    routerRows: 0,
    kvRead: 0,
    kvWritten: 0,
    kvReused: 0,
    seconds: { propose: 0, score: 0, choose: 0, remember: 0 },
  };
}
