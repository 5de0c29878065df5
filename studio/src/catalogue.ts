/** What the page knows of the package, from when it was built. */

import type { Method } from '../../src/decode/method.ts';
import type { Capability } from '../../src/models/language-model.ts';

/** A field of a method's options, as JSON Schema. */
export interface OptionField {
  type?: 'integer' | 'number' | 'boolean' | 'string';
  description?: string;
  default?: unknown;
  enum?: string[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

export interface MethodEntry extends Omit<Method, 'options' | 'phases'> {
  options: { properties: Record<string, OptionField> };
}

/** A model whose weights are in the package. */
export interface HouseModel {
  id: string;
  summary: string;
  /** The model that drafts for it. */
  draft?: string;
  /** Names of its files, and the bytes of its weights. */
  files: string[];
  bytes: number;
  contextLength: number;
  capabilities: Capability[];
  /** It has a chat template. */
  chat: boolean;
}

/** Prompts of a task that the house models know. */
export interface TaskExample {
  task: string;
  title: string;
  prompts: string[];
}

/** Whether a model has all that a method needs. */
export const fits = (
  { needs }: Pick<MethodEntry, 'needs'>,
  { capabilities }: { capabilities: readonly string[] },
): boolean => needs.every((need) => capabilities.includes(need));
