import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixture, golden, sha256, temporaryFolder } from '../../test/golden/weights/golden.ts';
import { openCheckpoint } from './checkpoint.ts';
import { writeSafetensors } from './safetensors-write.ts';

const INDEX = 'model.safetensors.index.json';

/** A copy of the sharded fixture to damage. */
async function copy(): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await cp(fixture('sharded'), folder, { recursive: true });
  return folder;
}

describe('openFolder', () => {
  it('reads a model that transformers saved in shards', async () => {
    const expected = golden<Record<string, { shape: number[]; sha256: string }>>('sharded');
    const checkpoint = await openCheckpoint(fixture('sharded'));
    expect(checkpoint).toMatchObject({ format: 'safetensors', tokenizer: undefined });
    expect(checkpoint.config).toMatchObject({ model_type: 'llama', hidden_size: 16 });
    expect(checkpoint.generationConfig).toMatchObject({ eos_token_id: 2 });
    expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [name, { shape, sha256: digest }] of Object.entries(expected)) {
      expect(checkpoint.tensors.get(name)).toMatchObject({ dtype: 'BF16', shape });
      expect(sha256(await checkpoint.read(name)), name).toBe(digest);
    }
    await checkpoint.close();
    await expect(checkpoint.read('model.norm.weight')).rejects.toMatchObject({ code: 'disposed' });
  });

  it('reads the tokenizer files, with the chat template of a file of its own', async () => {
    const folder = await copy();
    await writeFile(join(folder, 'tokenizer.json'), '{"version":"1.0"}');
    await writeFile(join(folder, 'tokenizer_config.json'), '{"add_bos_token":true}');
    await writeFile(join(folder, 'chat_template.jinja'), '{{ messages }}');
    const checkpoint = await openCheckpoint(folder);
    await checkpoint.close();
    expect(checkpoint.tokenizer).toEqual({
      format: 'json',
      tokenizer: { version: '1.0' },
      config: { add_bos_token: true, chat_template: '{{ messages }}' },
    });
  });

  it('reads the tokenizer files of older repositories', async () => {
    const folder = await copy();
    await writeFile(join(folder, 'vocab.json'), '{"a":0}');
    const unusable = await openCheckpoint(folder);
    await unusable.close();
    expect(unusable.tokenizer).toBeUndefined();
    await writeFile(join(folder, 'merges.txt'), 'a a');
    await writeFile(join(folder, 'tokenizer_config.json'), '{"tokenizer_class":"DreamTokenizer"}');
    const checkpoint = await openCheckpoint(folder);
    await checkpoint.close();
    expect(checkpoint.tokenizer).toEqual({
      format: 'vocabulary',
      vocabulary: { a: 0 },
      merges: 'a a',
      config: { tokenizer_class: 'DreamTokenizer' },
    });
  });

  it('knows the tensors of LLaDA by the names of the Llama family, each once', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'model.safetensors');
    const one = { dtype: 'F32' as const, shape: [1], data: Float32Array.of(1) };
    const names = [
      'model.transformer.wte.weight',
      'model.transformer.ff_out.weight',
      'model.transformer.new.weight',
    ];
    await writeSafetensors(path, new Map(names.map((name) => [name, one])));
    const checkpoint = await openCheckpoint(path);
    await checkpoint.close();
    expect([...checkpoint.tensors.keys()].sort()).toEqual([
      'lm_head.weight',
      'model.embed_tokens.weight',
      'model.transformer.new.weight',
    ]);
    await writeSafetensors(path, new Map(['lm_head.weight', ...names].map((name) => [name, one])));
    await expect(openCheckpoint(path)).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining('two tensors that mean "lm_head.weight"'),
    });
  });

  it('opens one shard alone with the configuration beside it', async () => {
    const checkpoint = await openCheckpoint(join(fixture('sharded'), 'model-00002-of-00002.safetensors'));
    expect(checkpoint.config).toMatchObject({ model_type: 'llama' });
    await checkpoint.close();
  });

  it('opens the single file of a folder', async () => {
    const folder = await temporaryFolder();
    await cp(fixture('tiny.safetensors'), join(folder, 'any.safetensors'));
    const safetensors = await openCheckpoint(folder);
    await safetensors.close();
    expect(safetensors).toMatchObject({ format: 'safetensors', config: {}, generationConfig: {} });

    await rm(join(folder, 'any.safetensors'));
    await cp(fixture('tiny.gguf'), join(folder, 'any.gguf'));
    const gguf = await openCheckpoint(folder);
    await gguf.close();
    expect(gguf.format).toBe('gguf');
  });

  it.each([
    ['../model-00001-of-00002.safetensors'],
    ['/etc/model.safetensors'],
    ['sub\\model.safetensors'],
    ['model.bin'],
  ])('refuses the shard name %s', async (shard) => {
    const folder = await copy();
    await writeFile(join(folder, INDEX), JSON.stringify({ weight_map: { a: shard } }));
    await expect(openCheckpoint(folder)).rejects.toMatchObject({ code: 'bad-file' });
  });

  it('refuses an index that is damaged or promises too much', async () => {
    const folder = await copy();
    for (const index of ['{', '[]', '{}', '{"weight_map":{}}']) {
      await writeFile(join(folder, INDEX), index);
      await expect(openCheckpoint(folder), index).rejects.toMatchObject({ code: 'bad-file' });
    }
    await writeFile(join(folder, INDEX), '{"weight_map":{"ghost":"model-00001-of-00002.safetensors"}}');
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringMatching(/ghost/),
    });
  });

  it('says which shard is missing', async () => {
    const folder = await copy();
    await rm(join(folder, 'model-00002-of-00002.safetensors'));
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/00002-of-00002/),
    });
  });

  it('refuses a config.json that is no object', async () => {
    const folder = await copy();
    await writeFile(join(folder, 'config.json'), '3');
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringMatching(/config\.json/),
    });
  });

  it('says what is wrong with a folder or file that is no checkpoint', async () => {
    const folder = await temporaryFolder();
    await expect(openCheckpoint(join(folder, 'none'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(openCheckpoint(folder)).rejects.toMatchObject({ code: 'not-found' });
    await writeFile(join(folder, 'pytorch_model.bin'), 'x');
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/pickle/),
    });
    await expect(openCheckpoint(join(folder, 'pytorch_model.bin'))).rejects.toMatchObject({
      code: 'unsupported',
    });
    await mkdir(join(folder, 'odd.safetensors'));
    await expect(openCheckpoint(folder)).rejects.toMatchObject({ code: 'bad-file' });
    await writeFile(join(folder, 'b.safetensors'), 'x');
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/several/),
    });
  });

  it('opens a GGUF file without an extension, as the Hugging Face cache stores it', async () => {
    const path = join(await temporaryFolder(), 'blob');
    await cp(fixture('tiny.gguf'), path);
    const checkpoint = await openCheckpoint(path);
    await checkpoint.close();
    expect(checkpoint.format).toBe('gguf');
  });
});
