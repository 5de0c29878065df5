/**
 * Runs compiled programs on ONNX Runtime. The runtime is injected: onnxruntime-node and onnxruntime-web share one
 * interface, and neither is imported before a program needs it, so that a bundle carries only the one it uses.
 */

import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import { QuickstepError } from '../errors.ts';
import { bindInputs } from './bindings.ts';
import { compile } from './onnx/compile.ts';
import { checkNonZero, type NonZeroSize, nonZeroSizes } from './onnx/kernel-limits.ts';
import { saturates } from './saturation.ts';
import type { Graph, Tensor, Value } from './types.ts';
import { verifyGraph } from './verify.ts';

/** What both onnxruntime packages export. */
export interface Runtime {
  InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  Tensor: new (type: OrtTensor.Type, data: OrtTensor.DataType, dims: readonly number[]) => OrtTensor;
}

export type Provider = 'cpu' | 'cuda' | 'webgpu' | 'wasm';

export interface ProgramOptions {
  /** Where the program runs; the first available provider wins. Default: 'cpu' on Node.js, 'wasm' in a page. */
  providers?: readonly Provider[];
  /** Threads inside one operator; default: ONNX Runtime's own choice (physical cores). */
  threads?: number;
  runtime?: Runtime;
}

const isNode = typeof process !== 'undefined' && process.versions?.node !== undefined;

/** The runtime package of this platform, imported on first use. */
export async function defaultRuntime(): Promise<Runtime> {
  const name = isNode ? 'onnxruntime-node' : 'onnxruntime-web';
  try {
    const module = (await import(name)) as { default?: Runtime } & Runtime;
    return module.InferenceSession ? module : module.default!;
  } catch (cause) {
    throw new QuickstepError(
      'unsupported',
      `${name} could not be loaded.`,
      `Install it with: npm install ${name}`,
      {
        cause,
      },
    );
  }
}

/** A compiled program, ready to run. Dispose it to free its weights. */
export class Program implements AsyncDisposable {
  /** What `run` takes, by name: exactly the graph's inputs that its outputs depend on. */
  readonly inputs: ReadonlyMap<string, Value>;
  /** Names of all outputs. */
  readonly outputs: readonly string[];
  /** Whether int8 products run on VNNI or AMX. */
  readonly fastIntegers: boolean;
  /** Whether a size may be 0. WebGPU binds no empty buffers. */
  readonly takesEmpty: boolean;
  readonly #runtime: Runtime;
  readonly #nonZero: readonly NonZeroSize[];
  #session: InferenceSession | undefined;

  private constructor(
    runtime: Runtime,
    session: InferenceSession,
    graph: Graph,
    { fastIntegers, takesEmpty }: Pick<Program, 'fastIntegers' | 'takesEmpty'>,
  ) {
    this.inputs = graph.inputs;
    this.#runtime = runtime;
    this.#session = session;
    this.outputs = [...graph.outputs.keys()];
    this.fastIntegers = fastIntegers;
    this.takesEmpty = takesEmpty;
    this.#nonZero = nonZeroSizes(graph);
  }

  /**
   * Verifies a graph, compiles it and loads it.
   * @throws QuickstepError 'unsupported' when no requested provider can run it.
   */
  static async load(graph: Graph, options: ProgramOptions = {}): Promise<Program> {
    verifyGraph(graph);
    const runtime = options.runtime ?? (await defaultRuntime());
    const providers = options.providers ?? [isNode ? 'cpu' : 'wasm'];
    const { model, externalData } = compile(graph);
    try {
      const fastIntegers = providers[0] === 'cpu' && !(await saturates(runtime));
      const session = await runtime.InferenceSession.create(model, {
        executionProviders: [...providers],
        externalData,
        graphOptimizationLevel: 'extended',
        intraOpNumThreads: options.threads ?? 0,
        logSeverityLevel: 3,
        extra: { session: { x64quantprecision: fastIntegers ? '0' : '1' } },
      });
      const takesEmpty = !providers.includes('webgpu');
      return new Program(runtime, session, graph, { fastIntegers, takesEmpty });
    } catch (cause) {
      const hint = 'Choose another provider, or see docs/architecture.md for what each one needs.';
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new QuickstepError('unsupported', `No session on ${providers.join(', ')}: ${reason}`, hint, {
        cause,
      });
    }
  }

  /**
   * One run. Inputs are read in place; every output is a fresh copy, so ask only for the ones that will be read.
   * @param fetches Names of the wanted outputs; default: all of them.
   * @throws QuickstepError 'disposed' after disposal; 'bad-shape' for a missing, unknown or wrongly shaped input.
   */
  async run(
    inputs: Readonly<Record<string, Tensor>>,
    fetches: readonly string[] = this.outputs,
  ): Promise<Record<string, Tensor>> {
    if (!this.#session)
      throw new QuickstepError('disposed', 'The program was disposed.', 'Load the model again.');
    checkNonZero(this.#nonZero, bindInputs(this.inputs, inputs));
    const feeds: Record<string, OrtTensor> = {};
    for (const [name, { dtype, data, shape }] of Object.entries(inputs)) {
      feeds[name] = new this.#runtime.Tensor(dtype as OrtTensor.Type, data as OrtTensor.DataType, shape);
    }
    const results = await this.#session.run(feeds, fetches);
    const outputs: Record<string, Tensor> = {};
    for (const [name, { type, data, dims }] of Object.entries(results)) {
      outputs[name] = { dtype: type, shape: dims, data } as unknown as Tensor;
    }
    return outputs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.release();
  }
}
