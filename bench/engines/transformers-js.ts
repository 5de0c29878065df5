/**
 * transformers.js on the ONNX export of tools/export_onnx.py: `generate` for decoding and batches, a plain forward
 * with a cache for rows. onnxruntime-node runs it, as it runs Quickstep.
 *
 * The package is installed in bench/ only, so what is used of it is declared here.
 */

import { basename, dirname } from 'node:path';
import {
  type Answer,
  type BatchQuestion,
  type Engine,
  type EngineOptions,
  type GenerateQuestion,
  promptTokens,
  type RowsQuestion,
  TokenClock,
  timeRows,
} from './engine.ts';

interface HubTensor {
  readonly dims: number[];
}
type Outputs = Record<string, HubTensor>;

interface CausalModel {
  (inputs: Record<string, unknown>): Promise<Outputs>;
  generate(options: Record<string, unknown>): Promise<HubTensor>;
}

interface Transformers {
  env: { allowRemoteModels: boolean; localModelPath: string };
  Tensor: new (type: 'int64', data: BigInt64Array, dims: number[]) => HubTensor;
  DynamicCache: new (entries: Outputs) => object;
  StoppingCriteria: new () => object;
  AutoModelForCausalLM: {
    from_pretrained(name: string, options: Record<string, unknown>): Promise<CausalModel>;
  };
}

export type Dtype = 'fp32' | 'q8';

export async function createTransformersJs(dtype: Dtype, { path, threads }: EngineOptions): Promise<Engine> {
  const name: string = '@huggingface/transformers';
  const library = (await import(name)) as Transformers;
  library.env.allowRemoteModels = false;
  library.env.localModelPath = dirname(path);
  const model = await library.AutoModelForCausalLM.from_pretrained(basename(path), {
    dtype,
    device: 'cpu',
    session_options: { intraOpNumThreads: threads, logSeverityLevel: 3 },
  });
  return new TransformersJs(library, model);
}

class TransformersJs implements Engine {
  readonly #library: Transformers;
  readonly #model: CausalModel;

  constructor(library: Transformers, model: CausalModel) {
    this.#library = library;
    this.#model = model;
  }

  async generate({ prompt, tokens }: GenerateQuestion): Promise<Answer> {
    const clock = new TokenClock();
    await this.#generate([promptTokens(prompt)], tokens, () => clock.tick());
    return clock.answer(tokens);
  }

  async batch({ sequences, prompt, tokens }: BatchQuestion): Promise<Answer> {
    const clock = new TokenClock();
    const prompts = Array.from({ length: sequences }, (_, i) => promptTokens(prompt, i));
    await this.#generate(prompts, tokens, () => clock.tick());
    return { rate: (1000 * sequences) / clock.answer(tokens).token };
  }

  async rows(question: RowsQuestion): Promise<Answer> {
    const { context } = question;
    const read = await this.#model({
      ...this.#inputs([promptTokens(context)]),
      num_logits_to_keep: this.#one(),
    });
    const cache: Outputs = {};
    for (const [name, value] of Object.entries(read)) {
      if (name.startsWith('present')) cache[name.replace('present', 'past_key_values')] = value;
    }
    return timeRows(question, (tokens) => {
      const { input_ids } = this.#inputs([tokens]);
      const attention_mask = this.#ones(1, context + tokens.length);
      const past_key_values = new this.#library.DynamicCache(cache);
      return this.#model({ input_ids, attention_mask, past_key_values });
    });
  }

  async #generate(prompts: readonly number[][], tokens: number, onStep: () => void): Promise<void> {
    class Ticker extends this.#library.StoppingCriteria {
      /** Called once for each new token of all sequences. */
      _call(ids: readonly unknown[]): boolean[] {
        onStep();
        return ids.map(() => false);
      }
    }
    await this.#model.generate({
      ...this.#inputs(prompts),
      max_new_tokens: tokens,
      do_sample: false,
      eos_token_id: null,
      stopping_criteria: new Ticker(),
    });
  }

  /** Prompts of one length as a batch [sequences, length]. */
  #inputs(prompts: readonly number[][]): { input_ids: HubTensor; attention_mask: HubTensor } {
    const length = prompts[0].length;
    const ids = BigInt64Array.from(prompts.flat(), BigInt);
    return {
      input_ids: new this.#library.Tensor('int64', ids, [prompts.length, length]),
      attention_mask: this.#ones(prompts.length, length),
    };
  }

  #ones(rows: number, columns: number): HubTensor {
    return new this.#library.Tensor('int64', new BigInt64Array(rows * columns).fill(1n), [rows, columns]);
  }

  #one(): HubTensor {
    return new this.#library.Tensor('int64', BigInt64Array.of(1n), []);
  }
}
