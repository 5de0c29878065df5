/**
 * What every decoding method must do, whatever it is: limits, batches, stopping, aborting, options, step records,
 * and for lossless methods the baseline's very tokens. Registered methods are run over all of it; a method leaves a
 * case out only by name and reason. Test support for this package and for methods written outside it.
 */

import { afterAll, beforeAll, describe, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import type { Precision } from '../../models/linear.ts';
import type { GenerateOptions } from '../generate.ts';
import type { Method } from '../method.ts';
import { controlCases } from './control-cases.ts';
import { limitCases } from './limit-cases.ts';
import { loadStories } from './models.ts';
import { optionCases } from './option-cases.ts';
import { outputCases } from './output-cases.ts';

/** A method with options, ready to run. */
export interface Subject {
  method: Method;
  model: LanguageModel;
  /** The same model with a context of `shortContext` tokens. */
  short: LanguageModel;
  /** Method, its options, and the temperature with a seed: give them to `generate` beside a case's own. */
  options: GenerateOptions;
  sampled: boolean;
}

/** Room for a draft tree: the rotary tables limit the rows of one forward to the context as well. */
export const shortContext = 80;

/** Whether the method keeps the text's K/V from step to step: those that read from left to right do. */
export const caches = ({ method }: Pick<Subject, 'method'>): boolean => method.needs.includes('causal');

export interface ConformanceCase {
  name: string;
  /** Which subjects the case is about; all without it. */
  about?(subject: Pick<Subject, 'method' | 'sampled'>): boolean;
  run(subject: Subject): void | Promise<void>;
}

/** A case that a method leaves out, by name, and why that is right. */
export interface OptOut {
  case: string;
  reason: string;
  /** Left out with these options of the method and temperatures only; always without it. */
  when?(methodOptions: Record<string, unknown>, sampled: boolean): boolean;
}

export interface ConformanceOptions {
  /** Options of the method that everything is run with: what it cannot do without on this model. */
  common?: Readonly<Record<string, unknown>>;
  /** Options of the method to run everything with, besides its defaults, in w8a8. */
  variants?: readonly Record<string, unknown>[];
  optOuts?: readonly OptOut[];
  precisions?: readonly Precision[];
}

const cases: readonly ConformanceCase[] = [...outputCases, ...limitCases, ...controlCases, ...optionCases];

/** Temperatures a method is run at. */
function temperatures({ sampling }: Method): GenerateOptions[] {
  const greedy = { temperature: 0 };
  const sampled = { temperature: 0.8, topP: 0.95, seed: 7 };
  return [...(sampling === 'sampled' ? [] : [greedy]), ...(sampling === 'greedy' ? [] : [sampled])];
}

/**
 * Declares the tests of one method.
 * @throws Error for an opt-out that names no case or gives no reason.
 */
export function conformance(method: Method, options: ConformanceOptions = {}): void {
  const { common = {}, variants = [], optOuts = [], precisions = ['w8a8', 'fp32'] } = options;
  for (const { case: name, reason } of optOuts) {
    if (!cases.some((entry) => entry.name === name)) throw new Error(`no conformance case "${name}"`);
    if (!reason) throw new Error(`${method.slug} leaves out "${name}" without a reason`);
  }
  describe.each(precisions)(`${method.slug} in %s`, (precision) => {
    let model: LanguageModel;
    let short: LanguageModel;
    let draft: LanguageModel | undefined;
    let router: LanguageModel | undefined;
    beforeAll(async () => {
      const masked = method.needs.includes('canvas') || method.needs.includes('mask-token');
      model = await loadStories(precision, { masked });
      short = await loadStories(precision, { masked, contextLength: shortContext });
      // Near enough to draft well, far enough to be wrong at times. Where what it writes stands, it must write the same in a batch:
      // four bits do not on every processor, in the last bits.
      if (method.draft) draft = await loadStories(method.guarantee === 'own' ? 'w8a8' : 'w4');
      // It knows nothing of steps, but gives verdicts.
      if (method.router) router = await loadStories(precision);
    });
    afterAll(async () => {
      await model[Symbol.asyncDispose]();
      await short[Symbol.asyncDispose]();
      await draft?.[Symbol.asyncDispose]();
      await router?.[Symbol.asyncDispose]();
    });
    for (const temperature of temperatures(method)) {
      for (const variant of [{}, ...(precision === 'w8a8' ? variants : [])]) {
        const methodOptions = { ...common, ...variant };
        const sampled = temperature.temperature !== 0;
        describe(`temperature ${temperature.temperature}, ${JSON.stringify(variant)}`, () => {
          for (const { name, about, run } of cases) {
            if (about && !about({ method, sampled })) continue;
            const optOut = optOuts.find(
              (entry) => entry.case === name && entry.when?.(methodOptions, sampled) !== false,
            );
            const title = optOut ? `${name} (left out: ${optOut.reason})` : name;
            it.skipIf(optOut !== undefined)(title, () =>
              run({
                method,
                model,
                short,
                sampled,
                options: {
                  ...temperature,
                  method,
                  methodOptions,
                  ...(draft && { draft }),
                  ...(router && { router }),
                },
              }),
            );
          }
        });
      }
    }
  });
}
