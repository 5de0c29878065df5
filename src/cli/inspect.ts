/** `quickstep inspect`: what a checkpoint is and what it will take, from its headers alone. */

import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { type LlamaConfig, parseLlamaConfig } from '../models/config.ts';
import { precisions } from '../models/linear.ts';
import { ggufValue } from '../text/gguf.ts';
import { tokenizerOf } from '../text/load.ts';
import { type Checkpoint, openCheckpoint, type TokenizerData } from '../weights/checkpoint.ts';
import { diskFolder } from '../weights/disk-folder.ts';
import { openConfigFolder } from '../weights/huggingface.ts';
import { locate } from '../weights/pull.ts';
import { findConfigFolder } from '../weights/source-local.ts';
import type { ParsedArgs } from './args.ts';
import { type Command, commonGroup, commonOptions, printJson, printLines } from './command.ts';
import {
  canvasRows,
  decodingBytes,
  kvBytesPerToken,
  memoryNeeds,
  parameterCount,
  weightBytes,
} from './memory.ts';
import { formatBytes } from './progress.ts';
import { oneModel } from './pull.ts';
import { pad, printable } from './text-width.ts';

export const inspectCommand: Command = {
  name: 'inspect',
  usage: 'inspect <id|path>',
  title: "a checkpoint's architecture, sizes and memory need",
  summary:
    'Reads the headers of a checkpoint on this machine and prints its architecture, its tensors, its tokenizer and the memory it needs. Weights are not loaded; a folder with a config.json alone will do.',
  examples: ['inspect stories260k', 'inspect ./model.gguf --json'],
  groups: () => [commonGroup],
  run: runInspect,
};

/** What is known of a checkpoint; `architecture` is missing when Quickstep cannot run it, and `unsupported` says why. */
export interface Inspection {
  path: string;
  format: string;
  modelType: string;
  parameters: number;
  bytes: number;
  tensors: { type: string; count: number; parameters: number; bytes: number }[];
  architecture?: LlamaConfig;
  unsupported?: string;
  tokenizer: { kind: string; vocabulary: number; chatTemplate: boolean } | null;
  /** Of a model that caches keys and values. */
  kvBytesPerToken?: number;
  /** Of one forward over a canvas of some 1,024 tokens, for a model that runs prompt and canvas whole. */
  activationBytes?: number;
  /** Bytes of weights and these or the cache of a full context, by precision. */
  memory?: Record<string, number>;
}

async function runInspect(args: ParsedArgs): Promise<void> {
  const checkpoint = await openForInspection(oneModel(args.positionals, 'inspect'));
  try {
    const inspection = inspect(checkpoint);
    if (args.values(commonOptions).json) printJson(inspection);
    else printLines(inspectionLines(inspection));
  } finally {
    await checkpoint.close();
  }
}

async function openForInspection(id: string): Promise<Checkpoint> {
  const folder = await findConfigFolder(id);
  if (folder) return openConfigFolder(diskFolder(folder));
  const path = await locate(id);
  if (path !== undefined) return openCheckpoint(path);
  const hint = `Fetch it with: quickstep pull ${id}`;
  throw new QuickstepError('not-found', `${JSON.stringify(id)} is not on this machine.`, hint);
}

/** Gathers everything from an open checkpoint; reads no tensor. */
export function inspect(checkpoint: Checkpoint): Inspection {
  const { path, config } = checkpoint;
  const byType = new Map<string, { type: string; count: number; parameters: number; bytes: number }>();
  for (const { dtype, shape, byteLength } of checkpoint.tensors.values()) {
    const entry = byType.get(dtype) ?? { type: dtype, count: 0, parameters: 0, bytes: 0 };
    entry.count++;
    entry.parameters += shape.reduce((product, size) => product * size, 1);
    entry.bytes += byteLength;
    byType.set(dtype, entry);
  }
  const tensors = [...byType.values()].sort((a, b) => b.bytes - a.bytes);
  const sum = (key: 'parameters' | 'bytes') => tensors.reduce((total, entry) => total + entry[key], 0);
  const modelType = typeof config.model_type === 'string' ? config.model_type : 'unknown';
  const known = architectureOf(config);
  const counted = sum('parameters');
  return {
    path,
    format: tensors.length > 0 ? checkpoint.format : 'config.json',
    modelType,
    parameters: counted === 0 && known.architecture ? parameterCount(known.architecture) : counted,
    bytes: sum('bytes'),
    tensors,
    tokenizer: tokenizerSummary(checkpoint),
    ...known,
  };
}

function architectureOf(
  config: Record<string, unknown>,
): Pick<Inspection, 'architecture' | 'unsupported' | 'kvBytesPerToken' | 'activationBytes' | 'memory'> {
  try {
    const architecture = parseLlamaConfig(config);
    return {
      architecture,
      ...(architecture.causal
        ? { kvBytesPerToken: kvBytesPerToken(architecture) }
        : { activationBytes: decodingBytes(architecture) }),
      memory: memoryNeeds(architecture),
    };
  } catch (error) {
    // A checkpoint that cannot be run can still be looked at.
    if (QuickstepError.isInstance(error)) return { unsupported: error.message };
    throw error;
  }
}

function tokenizerSummary({ tokenizer: data, generationConfig }: Checkpoint): Inspection['tokenizer'] {
  if (!data) return null;
  const { tokenizer, chatTemplate } = tokenizerOf(data, generationConfig);
  return { kind: kindOf(data), vocabulary: tokenizer.vocabSize, chatTemplate: chatTemplate !== undefined };
}

const modelKind = z.object({ model: z.object({ type: z.string() }) });

function kindOf(data: TokenizerData): string {
  if (data.format === 'vocabulary') return 'BPE (vocab.json, merges.txt)';
  if (data.format === 'gguf')
    return `${ggufValue(data.metadata, 'tokenizer.ggml.model') ?? 'unknown'} (GGUF)`;
  const parsed = modelKind.safeParse(data.tokenizer);
  return `${parsed.success ? parsed.data.model.type : 'BPE'} (tokenizer.json)`;
}

const count = (value: number): string => value.toLocaleString('en-US');

function architectureLines(a: LlamaConfig): [string, string][] {
  const { heads, kvHeads, headDim, ropeScaling } = a;
  const by = 'factor' in ropeScaling ? ` by ${ropeScaling.factor}` : '';
  const scaling = ropeScaling.type === 'default' ? '' : `, ${ropeScaling.type} scaling${by}`;
  const window = a.slidingWindow ? `, sliding window ${count(a.slidingWindow)}` : '';
  const both = a.causal ? '' : a.causalPrompt ? ', both ways behind a causal prompt' : ', both ways';
  const mask = a.maskTokenId;
  const shift = a.shiftLogits ? ', logits shifted by one' : '';
  const experts = a.experts ? `, ${a.experts.count} experts of which ${a.experts.chosen} a token` : '';
  return [
    [
      'layers',
      `${a.layers}, hidden size ${count(a.hiddenSize)}, feed-forward ${count(a.intermediateSize)}${experts}`,
    ],
    ['attention', `${heads} heads, ${kvHeads} key-value heads of size ${headDim}${window}${both}`],
    ['position', `RoPE base ${count(a.ropeTheta)}${scaling}`],
    ['vocabulary', `${count(a.vocabSize)}${a.tiedEmbeddings ? ', embeddings tied to the output head' : ''}`],
    ['context', `${count(a.contextLength)} tokens`],
    ...(mask === undefined ? [] : ([['mask', `token ${mask}${shift}`]] satisfies [string, string][])),
    ...(a.corruption === 'uniform' ? ([['noise', 'random tokens']] satisfies [string, string][]) : []),
  ];
}

function memoryLines(a: LlamaConfig): [string, string][] {
  const decoding = decodingBytes(a);
  const sizes = (beside: number) =>
    precisions.map((name) => `${name} ${formatBytes(weightBytes(a, name) + beside)}`).join(', ');
  if (a.causal) {
    return [
      ['K/V cache', `${count(kvBytesPerToken(a))} bytes per token, ${formatBytes(decoding)} in all`],
      ['memory', sizes(decoding)],
      ['', 'weights and a full context'],
    ];
  }
  return [
    ['weights', sizes(0)],
    ['activations', `${formatBytes(decoding)} for a prompt and canvas of ${count(canvasRows(a))} tokens`],
    ['memory', sizes(decoding)],
    ['', 'weights and activations; no K/V cache'],
  ];
}

/** An inspection as lines for people. */
export function inspectionLines(inspection: Inspection): string[] {
  const { architecture, tokenizer, bytes } = inspection;
  const rows: [string, string][] = [
    ['checkpoint', inspection.path],
    ['format', inspection.format],
    ['architecture', printable(inspection.modelType)],
    ...(inspection.unsupported ? [['cannot run', inspection.unsupported] as [string, string]] : []),
    ...(architecture ? architectureLines(architecture) : []),
    [
      'parameters',
      `${count(inspection.parameters)} ${bytes > 0 ? `in ${formatBytes(bytes)}` : 'by config.json; no weights are here'}`,
    ],
    ...inspection.tensors.map(({ type, count: tensors, parameters, bytes }): [string, string] => [
      `  ${type}`,
      `${count(tensors)} tensors, ${count(parameters)} parameters, ${formatBytes(bytes)}`,
    ]),
    [
      'tokenizer',
      tokenizer
        ? `${printable(tokenizer.kind)}, ${count(tokenizer.vocabulary)} tokens, chat template: ${tokenizer.chatTemplate ? 'yes' : 'no'}`
        : 'none',
    ],
  ];
  if (architecture) rows.push(...memoryLines(architecture));
  return rows.map(([name, value]) => `${pad(name, 14)}${value}`.trimEnd());
}
