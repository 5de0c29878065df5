/** The draws of one run of ASAp: walks through the trie from draw to draw, which ask the model only where a token is new. */

import { QuickstepError } from '../../errors.ts';
import { emptyDraft, type Phases, type Proposal } from '../phases.ts';
import { type RandomKey, randomStreams, uniform } from '../random.ts';
import type { Run } from '../run.ts';
import { type Distribution, probabilityOf, sample } from '../sampling/distribution.ts';
import type { Choice } from '../sampling/sampler.ts';
import { PrefixTrie, type TrieNode } from './prefix-trie.ts';
import type { AnswerConstraint } from './processor.ts';
import { allows } from './token-constraint.ts';

/** Only where there is a disk. */
const trieFiles = () => import('./prefix-trie-file.ts');

/** Streams of the draws that the method makes beside those of tokens. */
const streams = { known: 16, stay: 17 } as const;
/** Nodes of a trie from which on no more draws are begun. */
const maxNodes = 1_000_000;

/** What is asked of the draws, see the method's options. */
export interface DrawOptions {
  readonly draws: number;
  readonly tolerance: number;
  readonly explore: boolean;
  readonly exact: boolean;
  readonly trie?: string | undefined;
}

/** An answer that was drawn. */
export interface DrawnAnswer {
  readonly tokens: readonly number[];
  /** Its log probability under the model alone, in nats. */
  readonly logprob: number;
}

/** What may follow a place. */
interface Scored {
  readonly node: TrieNode;
  readonly logits: Float32Array;
  /** The model's distribution over the legal tokens, not normalized. */
  readonly legal: Distribution;
}

/** The draws of one run. */
export class Draws {
  readonly #options: DrawOptions;
  readonly #run: Run;
  readonly #constraint: AnswerConstraint;
  readonly #onAnswer: ((answer: DrawnAnswer) => void) | undefined;
  #trie: PrefixTrie;
  /** The present place, and the tokens up to there. */
  #node: TrieNode;
  #tokens: number[] = [];
  /** What was believed to be possible behind the place when it was chosen. */
  #expected = 1;
  /** Tokens known at the place when it was decided that the next one is none of them. */
  #excluded: ReadonlySet<number> | undefined;
  /** Number of the present draw in the trie, and of draws begun in this run. */
  #draw = 0;
  #begun = 0;
  /** `PrefixTrie.unseen` when the present draw began. */
  #unseen = 1;
  /** The trie had no room for more when the present draw began. */
  #full = false;
  #found = false;
  /** Whether the trie was opened, and is this run's: no other is written over. */
  #ready = false;
  /** Nodes that fit this run's constraint. */
  readonly #known = new WeakSet<TrieNode>();
  /** Answer tokens in the cache, behind the prompt. */
  #cached: readonly number[] = [];

  constructor(
    given: DrawOptions,
    run: Run,
    constraint: AnswerConstraint,
    shared?: PrefixTrie,
    onAnswer?: (answer: DrawnAnswer) => void,
  ) {
    this.#options = given;
    this.#onAnswer = onAnswer;
    this.#run = run;
    this.#constraint = constraint;
    this.#trie = shared ?? new PrefixTrie();
    this.#node = this.#trie.root;
  }

  phases(): Partial<Phases> {
    const { trie: path } = this.#options;
    return {
      needsLogits: true,
      prepare: async () => {
        if (path !== undefined) this.#trie = (await (await trieFiles()).openTrie(path)) ?? this.#trie;
        this.#claim();
        this.#begin();
        this.#found = this.#walk();
        this.#ready = true;
      },
      propose: () => this.#ask(),
      choose: (run, _, [scores]) => {
        this.#found ||= this.#walk(this.#score(scores.logits(0)));
        if (this.#found) this.#answer(run);
        return { accepted: [] };
      },
      conclude: async () => {
        if (path !== undefined && this.#ready) await (await trieFiles()).saveTrie(path, this.#trie);
      },
    };
  }

  /** Makes sure that what the trie knows is about this run. */
  #claim(): void {
    const { prompt, remaining, sampler } = this.#run;
    const { seed: _, logprobs: __, ...sampling } = sampler.options;
    const subject = JSON.stringify({ prompt, remaining, sampling });
    this.#trie.subject ||= subject;
    if (this.#trie.subject !== subject) throw otherSubject('prompt, token limit or sampling options');
  }

  /** Whether the present draw is the answer if it comes to an end. */
  get #isLast(): boolean {
    const { draws, tolerance, exact } = this.#options;
    return exact || this.#begun >= draws || this.#unseen <= tolerance || this.#full;
  }

  /** Whether the present draw is rejected where less is possible than was expected. */
  get #rejects(): boolean {
    return this.#options.exact && this.#begun < this.#options.draws;
  }

  #begin(): void {
    if (this.#trie.root.possible === 0) {
      const hint = 'Do logitBias or processors of your own rule out what the constraint allows?';
      throw new QuickstepError('bad-option', 'Every answer that the constraint allows is ruled out.', hint);
    }
    this.#begun++;
    this.#draw = this.#trie.draws++;
    this.#unseen = this.#trie.unseen;
    this.#full = this.#trie.size > maxNodes;
    this.#tokens = [];
    this.#arrive(this.#trie.root, this.#trie.root.possible);
  }

  #arrive(node: TrieNode, expected: number): void {
    this.#node = node;
    this.#expected = expected;
    this.#excluded = undefined;
  }

  #enter(child: TrieNode, expected: number): void {
    const { token } = child.choice;
    const before = this.#tokens.slice();
    this.#tokens.push(token);
    if (!this.#known.has(child)) {
      // Where all is known, no place is scored: a trie of another constraint, or a damaged one, is told by its tokens alone.
      const isEnd = this.#run.finishOf(this.#tokens) !== undefined;
      if (!allows(this.#constraint.mask(before), token) || child.end !== isEnd)
        throw otherSubject('model or constraint');
      this.#known.add(child);
    }
    this.#arrive(child, expected);
  }

  /** Random numbers of the present place. */
  #key(stream: number): RandomKey {
    return { ...this.#run.sampleKey(this.#tokens.length), stream, step: this.#draw };
  }

  /** The tokens up to the present place that are not cached yet, the last of them scored. */
  #ask(): Proposal {
    const { sequence, prompt, cache } = this.#run;
    let shared = 0;
    while (shared < this.#cached.length && this.#cached[shared] === this.#tokens[shared]) shared++;
    const all = [...prompt, ...this.#tokens];
    const kept = Math.min(sequence.length, prompt.length + shared, all.length - 1);
    cache.slots.crop(sequence, kept);
    this.#cached = [...this.#tokens];
    const tokens = all.slice(kept);
    return { groups: [{ sequence, tokens, scored: [tokens.length - 1] }], draft: emptyDraft };
  }

  /** What may follow the present place; noted in the trie. */
  #score(logits: Float32Array): Scored {
    const node = this.#node;
    const all = this.#run.distribution(logits, this.#tokens);
    const mask = this.#constraint.mask(this.#tokens);
    const legal = restrict(all, (token) => allows(mask, token));
    const mass = legal.probs.reduce((sum, probability) => sum + probability, 0);
    const count = legal.ids.length;
    if (!node.legal) this.#trie.expand(node, { mass, count });
    else if (node.legal.count !== count || Math.abs(node.legal.mass - mass) > 1e-3 * mass)
      throw otherSubject('model or constraint');
    return { node, logits, legal };
  }

  /**
   * Goes on from place to place, and from draw to draw, as far as what is known leads.
   * @param scored The present place.
   * @returns True at the end of the answer, false where it takes the model to go on.
   */
  #walk(scored?: Scored): boolean {
    for (;;) {
      const node = this.#node;
      if (node.end) {
        this.#tell();
        if (this.#isLast) return true;
        this.#begin();
      } else if (!node.legal) {
        return false;
      } else if (!this.#excluded && !this.#stays(node)) {
        this.#begin();
      } else {
        const child = this.#excluded ? undefined : this.#drawKnown(node);
        if (child) {
          this.#enter(child, child.possible);
          continue;
        }
        this.#excluded ??= new Set(node.children.keys());
        if (scored?.node !== node) return false;
        this.#enter(this.#drawNew(scored, this.#excluded), 1);
      }
    }
  }

  /** Whether the draw goes on from a place. Where nothing legal follows, none does. */
  #stays({ possible }: TrieNode): boolean {
    if (possible === 0 || !this.#rejects) return possible > 0;
    return uniform(this.#key(streams.stay)) * this.#expected < possible;
  }

  /** The next token when it is one that was drawn here before. */
  #drawKnown(node: TrieNode): TrieNode | undefined {
    const { children, legal } = node;
    const explores = this.#options.explore && !this.#isLast && node.possible > node.seen;
    const weigh = ({ possible, seen }: TrieNode) => (explores ? Math.max(0, possible - seen) : possible);
    let rest = uniform(this.#key(streams.known)) * weigh(node);
    let last: TrieNode | undefined;
    for (const child of children.values()) {
      const weight = child.probability * weigh(child);
      if (weight === 0) continue;
      last = child;
      rest -= weight;
      if (rest < 0) return child;
    }
    // Rounding may leave a little where there is nothing else.
    return children.size === legal?.count ? last : undefined;
  }

  /** Another token, drawn as plain sampling draws it. */
  #drawNew({ node, logits, legal }: Scored, excluded: ReadonlySet<number>): TrieNode {
    const { run, trie } = { run: this.#run, trie: this.#trie };
    const others = normalized(restrict(legal, (token) => !excluded.has(token)));
    const token = sample(others, this.#key(randomStreams.sample));
    const [choice] = run.sampler.report(logits, [token]);
    const child = trie.add(node, choice, probabilityOf(legal, token));
    if (run.finishOf([...this.#tokens, token])) trie.close(child);
    return child;
  }

  #answer(run: Run): void {
    const { seen, possible } = this.#trie.root;
    const [draws, unseen, exact] = [this.#begun, this.#unseen, this.#rejects];
    run.statistics.legal = { draws, least: seen, most: possible, unseen, exact };
    for (const choice of this.#path()) run.push(choice);
  }

  #tell(): void {
    const logprob = this.#path().reduce((sum, choice) => sum + choice.logprob, 0);
    this.#onAnswer?.({ tokens: this.#tokens, logprob });
  }

  /** The tokens up to the present place as they are committed. */
  #path(): Choice[] {
    const path: Choice[] = [];
    for (let node = this.#node; node.parent; node = node.parent) path.push(node.choice);
    return path.reverse();
  }
}

const otherSubject = (what: string): QuickstepError =>
  new QuickstepError('bad-input', `The trie was learned with another ${what}.`, 'Use another one, or none.');

/** The tokens of a distribution that are kept, with the probabilities they had. */
function restrict({ ids, probs }: Distribution, keeps: (token: number) => boolean): Distribution {
  const [kept, weights] = [new Int32Array(ids.length), new Float64Array(ids.length)];
  let size = 0;
  for (let rank = 0; rank < ids.length; rank++) {
    if (!keeps(ids[rank])) continue;
    kept[size] = ids[rank];
    weights[size++] = probs[rank];
  }
  return { ids: kept.subarray(0, size), probs: weights.subarray(0, size) };
}

function normalized({ ids, probs }: Distribution): Distribution {
  const total = probs.reduce((sum, probability) => sum + probability, 0);
  return { ids, probs: probs.map((probability) => probability / total) };
}
