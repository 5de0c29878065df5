/**
 * llama.cpp's side of the constrained benchmark, through node-llama-cpp. The package is installed in bench/ only, so what
 * is used of it is declared here.
 */

import type { Case } from './cases.ts';

interface Sequence {
  clearHistory(): Promise<void>;
  evaluate(
    tokens: readonly number[],
    options: { temperature: 0; yieldEogToken: true; grammarEvaluationState?: object },
  ): AsyncGenerator<number, void, undefined>;
}

interface Model {
  tokenize(text: string, special: boolean): number[];
  isEogToken(token: number): boolean;
  createContext(options: { contextSize: number; threads: number }): Promise<{ getSequence(): Sequence }>;
}

interface NodeLlamaCpp {
  getLlama(options: { gpu: false; build: 'never'; maxThreads: number; logLevel: 'error' }): Promise<{
    loadModel(options: { modelPath: string }): Promise<Model>;
    createGrammarForJsonSchema(schema: object): Promise<object>;
  }>;
  LlamaGrammarEvaluationState: new (options: { model: Model; grammar: object }) => object;
}

export async function createLlamaSide(path: string, threads: number) {
  const name: string = 'node-llama-cpp';
  const { getLlama, LlamaGrammarEvaluationState } = (await import(name)) as NodeLlamaCpp;
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' });
  const model = await llama.loadModel({ modelPath: path });
  const sequence = (await model.createContext({ contextSize: 1024, threads })).getSequence();

  /** ms of a token, at most `most` of them. */
  async function perToken(
    prompt: string,
    most: number,
    endsBy: (token: number) => boolean,
    grammar?: object,
  ) {
    await sequence.clearHistory();
    const text = `<|im_start|>user\n${prompt}<|im_end|>\n<|im_start|>assistant\n`;
    const grammarEvaluationState = grammar && new LlamaGrammarEvaluationState({ model, grammar });
    const options = { temperature: 0, yieldEogToken: true, grammarEvaluationState } as const;
    let [count, first, last] = [0, 0, 0];
    for await (const token of sequence.evaluate(model.tokenize(text, true), options)) {
      last = performance.now();
      if (count++ === 0) first = last;
      if (count === most || endsBy(token)) break;
    }
    return { count, ms: (last - first) / (count - 1) };
  }

  return {
    /** ms of a token under the schema, and of as many free tokens; ms of making the grammar. */
    async answers({ schema, prompt }: Case, maxTokens: number) {
      const started = performance.now();
      const grammar = await llama.createGrammarForJsonSchema(schema);
      const compile = performance.now() - started;
      const constrained = await perToken(prompt, maxTokens, (token) => model.isEogToken(token), grammar);
      const free = await perToken(prompt, constrained.count, () => false);
      return { compile, constrained: constrained.ms, free: free.ms };
    },
  };
}
