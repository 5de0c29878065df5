/** Quickstep's side of the constrained benchmark. */

import { jsonSchemaLanguage, TokenConstraint, Vocabulary } from '../../src/decode/constrained/index.ts';
import { type GenerateOptions, generate } from '../../src/decode/generate.ts';
import { defineMethod } from '../../src/decode/method.ts';
import { proposeDraft } from '../../src/decode/phases.ts';
import { findMethod } from '../../src/decode/registry.ts';
import type { LanguageModel } from '../../src/models/language-model.ts';
import type { Case } from './cases.ts';

/** Greedy decoding that drafts nothing, not even forced text. */
const oneByOne = defineMethod({
  ...findMethod('greedy'),
  slug: 'one-by-one',
  phases: () => ({ propose: (run) => proposeDraft(run) }),
});

export class QuickstepSide {
  readonly vocabulary: Vocabulary;
  readonly #model: LanguageModel;

  constructor(model: LanguageModel) {
    this.#model = model;
    this.vocabulary = new Vocabulary(model.tokenizer, model.eosIds);
  }

  tokensOf({ document }: Case): number[] {
    return this.#model.tokenizer.encode(JSON.stringify(document), { addSpecialTokens: false });
  }

  /** ms of compiling, and of a mask along the document, the first and the second time. */
  masks(asked: Case) {
    const tokens = this.tokensOf(asked);
    let started = performance.now();
    const constraint = new TokenConstraint(jsonSchemaLanguage(asked.schema), this.vocabulary);
    const compile = performance.now() - started;
    const pass = () => {
      let state = constraint.start();
      started = performance.now();
      for (const token of tokens) {
        state.mask();
        state = state.advance(token)!;
      }
      return (performance.now() - started) / tokens.length;
    };
    return { compile, 'first mask': pass(), 'warm mask': pass() };
  }

  /** ms of a token: of an answer under the schema, the same without drafts, and of as many free tokens. */
  async answers({ schema, prompt }: Case, maxTokens: number) {
    // As a language: an answer that is cut off is no error then.
    const constraint = jsonSchemaLanguage(schema);
    const messages = [{ role: 'user', content: prompt }] as const;
    const perToken = async (options: GenerateOptions) => {
      const { tokens, seconds, firstTokenSeconds } = await generate(this.#model, messages, options).result;
      return { count: tokens.length, ms: (1000 * (seconds - firstTokenSeconds)) / (tokens.length - 1) };
    };
    // A schema that is not new, as in a server.
    const constrained = await perToken({ constraint, maxTokens }).then(() =>
      perToken({ constraint, maxTokens }),
    );
    const plain = await perToken({ constraint, maxTokens, method: oneByOne });
    const free = await perToken({ maxTokens: constrained.count, ignoreEos: true });
    return { constrained: constrained.ms, 'one by one': plain.ms, free: free.ms };
  }
}
