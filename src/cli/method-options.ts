/** Decoding methods on the command line: finding them by name, and the flags of their options. */

import type { z } from 'zod';
import type { Method } from '../decode/method.ts';
import { methods } from '../decode/registry.ts';
import { type SamplingInput, samplingOptions } from '../decode/sampling/options.ts';
import { QuickstepError } from '../errors.ts';
import type { ParsedArgs } from './args.ts';
import type { FlagGroup } from './flags.ts';
import { didYouMean } from './suggest.ts';

/** @throws QuickstepError 'bad-option' for a name that is no method, with the nearest one. */
export function methodNamed(slug: string): Method {
  const method = methods.get(slug);
  if (method) return method;
  const hint = didYouMean(slug, methods.keys(), `Methods: ${[...methods.keys()].join(', ')}.`);
  throw new QuickstepError('bad-option', `There is no decoding method ${JSON.stringify(slug)}.`, hint);
}

export function methodGroup(method: Method): FlagGroup {
  return { title: `Options of ${method.slug}`, schema: method.options };
}

/** Everything a run of a method is asked for. */
export interface MethodInput {
  sampling: SamplingInput;
  methodOptions: Record<string, unknown>;
}

/** Sampling and method options as they were written; a sampled method without a temperature samples at 1. */
export function methodInput(method: Method, args: ParsedArgs): MethodInput {
  const sampling = args.given(samplingOptions);
  if (method.sampling === 'sampled') sampling.temperature ??= 1;
  return { sampling, methodOptions: args.given(method.options) };
}

/** The same with all defaults, for reports. */
export function optionsUsed(method: Method, { sampling, methodOptions }: MethodInput): object {
  const own: z.output<typeof method.options> = method.options.parse(methodOptions);
  return { ...samplingOptions.parse(sampling), ...own };
}
