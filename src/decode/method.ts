/**
 * What a decoding method is: a name, typed options, what it needs of a model, what it promises, and the phases it
 * fills. The options' zod schema is the single source of types, validation, CLI flags and docs.
 */

import type { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import type { Capability } from '../models/language-model.ts';
import type { Phases } from './phases.ts';
import type { Run } from './run.ts';

export type MethodOptions = z.ZodObject<z.ZodRawShape>;

/**
 * - 'lossless': the output is the baseline's, token for token.
 * - 'distribution': samples follow the baseline's distribution.
 * - 'own': the method defines its own output.
 */
export type Guarantee = 'lossless' | 'distribution' | 'own';

export interface Method<O extends MethodOptions = MethodOptions> {
  /** Name on the command line and of its file; for a paper, the paper's slug. */
  readonly slug: string;
  readonly title: string;
  readonly family:
    | 'baseline'
    | 'speculative'
    | 'masked-diffusion'
    | 'constrained'
    | 'fused'
    | 'latent'
    | 'kv-cache';
  /** One or two sentences for people. */
  readonly summary: string;
  readonly options: O;
  /** Capabilities the model must have; checked before the first step. */
  readonly needs: readonly Capability[];
  /** Whether the method runs a second, smaller model: `Run.draft`. */
  readonly draft?: boolean;
  /** The method keeps to `Run.constraint` by itself; for all others a logits processor does. */
  readonly constrains?: boolean;
  /** Whether the method asks a model that judges steps: `Run.router`. */
  readonly router?: boolean;
  /** Temperatures that make sense: 'greedy' wants 0, 'sampled' more than 0. */
  readonly sampling: 'greedy' | 'sampled' | 'any';
  readonly guarantee: Guarantee;
  /**
   * Slug of the baseline that the guarantee is about, given the options that it knows; without it `greedy`, or `sample`
   * above temperature 0.
   */
  readonly baseline?: string;
  /** Id of the model it is meant for, which the command line loads when none is named. */
  readonly model?: string;
  /** Phases that differ from the defaults; called once for each run, so closures may hold a run's state. */
  phases(options: z.output<O>, run: Run): Partial<Phases>;
}

/** Declares a method; keeps the options' own type. */
export function defineMethod<O extends MethodOptions>(method: Method<O>): Method<O> {
  return method;
}

/**
 * Checks a method's options and fills in the defaults.
 * @throws QuickstepError 'bad-option' naming the option and what it may be.
 */
export function parseMethodOptions<O extends MethodOptions>(method: Method<O>, input: unknown): z.output<O> {
  const result = method.options.safeParse(input ?? {});
  if (result.success) return result.data as z.output<O>;
  const [issue] = result.error.issues;
  const known = Object.keys(method.options.shape);
  const list = known.length > 0 ? `Its options are ${known.join(', ')}.` : 'It has no options of its own.';
  if (issue.code === 'unrecognized_keys') {
    throw new QuickstepError('bad-option', `Method ${method.slug} has no option "${issue.keys[0]}".`, list);
  }
  const name = String(issue.path[0] ?? 'options');
  const field = method.options.shape[name] as z.ZodType | undefined;
  throw new QuickstepError(
    'bad-option',
    `Option "${name}" of ${method.slug}: ${issue.message}.`,
    field?.description ?? list,
  );
}

/** Slug of the method that runs when none is named. */
export function defaultMethod(capabilities: ReadonlySet<Capability>, temperature: number): string {
  if (!capabilities.has('causal') && capabilities.has('canvas')) return 'diffusion';
  return temperature > 0 ? 'sample' : 'greedy';
}

/**
 * Refuses a method on a model that lacks what it needs.
 * @throws QuickstepError 'unsupported' naming the missing capability and a method that runs.
 */
export function checkNeeds(
  method: Method,
  model: { id: string; capabilities: ReadonlySet<Capability> },
): void {
  for (const need of method.needs) {
    if (model.capabilities.has(need)) continue;
    const has = [...model.capabilities].join(', ');
    throw new QuickstepError(
      'unsupported',
      `Method ${method.slug} needs ${need}, which ${model.id} lacks.`,
      `It has ${has}. Use --method ${defaultMethod(model.capabilities, 0)}.`,
    );
  }
}
