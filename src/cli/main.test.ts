import type { ChildProcess } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliOptions, type CliResult, runCli, runScript } from './testing/run-cli.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-cli-'));
afterAll(() => rm(folder, { recursive: true }));

/** Runs with an empty cache, so that nothing of this machine shows. */
const run = (args: string, options: CliOptions = {}): Promise<CliResult> =>
  runCli(args.split(' '), { ...options, env: { QUICKSTEP_CACHE: folder, ...options.env } });
const json = async (args: string, options?: CliOptions) => {
  const { code, stdout, stderr } = await run(args, options);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};

const stories = '--model stories260k --max-tokens 24';

describe('a masked-diffusion model', () => {
  const masked = join(folder, 'masked');
  beforeAll(async () => {
    const source = fileURLToPath(new URL('../../models/stories260k', import.meta.url));
    await cp(source, masked, { recursive: true });
    const config = JSON.parse(await readFile(join(masked, 'config.json'), 'utf8'));
    await writeFile(
      join(masked, 'config.json'),
      JSON.stringify({ ...config, is_causal: false, mask_token_id: 0 }),
    );
  });

  it('is decoded by diffusion, with positions in its steps', async () => {
    const { code, stdout, stderr } = await run(
      `generate Once upon --model ${masked} --max-tokens 8 --json --show-steps`,
    );
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ method: 'diffusion', tokens: 8, forwards: 8 });
    expect(stderr).toMatch(/step 1: .* ms: \d+ "[^"]*" \d+%\n/);
  });

  it('says which method to use instead', async () => {
    const greedy = await run(`generate Once --model ${masked} --method greedy`);
    expect(greedy.code).toBe(1);
    expect(greedy.stderr).toContain('Use --method diffusion.');
    const diffusion = await run('generate Once --model stories260k --method diffusion');
    expect(diffusion.code).toBe(1);
    expect(diffusion.stderr).toMatch(/needs canvas, .* Use --method greedy\./);
  });

  it('is compared method by method', async () => {
    const rows = await json(
      `compare Once upon --model ${masked} --methods diffusion --threshold 0.2 --max-tokens 16 --json`,
    );
    expect(rows).toMatchObject([{ method: 'diffusion', tokens: 16 }]);
    expect(rows[0].tokensPerForward).toBeGreaterThan(1);
  });
});

describe('generate', () => {
  it('streams the text to stdout and a summary to stderr', async () => {
    const { code, stdout, stderr } = await run(`generate Once upon a time ${stories}`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^, there was a .*\n$/s);
    expect(stderr).toMatch(/^24 tokens in .* tokens\/s .* 24 steps, 24 forwards .* length\n$/);
  });

  it('ends with one object for machines', async () => {
    const answer = await json(`generate Once upon a time ${stories} --json --logprobs 2`);
    expect(answer).toMatchObject({
      tokens: 24,
      steps: 24,
      forwards: 24,
      finish: 'length',
      method: 'greedy',
      model: 'stories260k',
      options: { maxTokens: 24, temperature: 0, logprobs: 2, stop: [] },
      statistics: { committed: 24, forwards: 24 },
    });
    expect(answer.text).toMatch(/^, there was a /);
    expect(answer.tokenIds).toHaveLength(24);
    expect(answer.tokensPerSecond).toBeCloseTo(24 / answer.seconds, 5);
    expect(answer.promptTokens).toBeGreaterThan(3);
    expect(answer.logprobs).toHaveLength(24);
    expect(answer.logprobs[0].top).toHaveLength(2);
  });

  it('takes the prompt from a pipe or a file, and a method with its options', async () => {
    const text = 'Once upon a time there was a cat. Once upon a';
    const path = join(folder, 'prompt.txt');
    await writeFile(path, `${text}\n`);
    const [piped, lookup] = await Promise.all([
      json(`generate ${stories} --json`, { stdin: `${text}\n` }),
      json(`generate --file ${path} ${stories} --method prompt-lookup --draft-tokens 3 --json`),
    ]);
    expect(lookup.tokenIds).toEqual(piped.tokenIds);
    expect(lookup.steps).toBeLessThan(piped.steps);
    expect(lookup.options).toMatchObject({ draftTokens: 3, ngramMax: 8 });
  });

  it('samples by seed', async () => {
    const sampled = `generate Once upon a time ${stories} --temperature 1 --json --seed`;
    const [first, again, other] = await Promise.all([1, 1, 2].map((seed) => json(`${sampled} ${seed}`)));
    expect(first.method).toBe('sample');
    expect(again.text).toBe(first.text);
    expect(other.text).not.toBe(first.text);
  });

  it('shows steps as plain lines in a pipe, the text by itself', async () => {
    const { code, stdout, stderr } = await run(
      `generate Once upon a time there was a cat. Once upon a ${stories} --method prompt-lookup --show-steps`,
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ time, there was .*\n$/s);
    expect(stderr).toMatch(/^step 1: \d+ rows, \d+ slots, [\d.]+ ms: \+" time" \d+%/m);
    expect(stdout + stderr).not.toContain('\x1b');
  });

  const long = 'generate Once upon a time --model stories260k --max-tokens 450 --ignore-eos';

  it('stops at Ctrl-C with the text so far', async () => {
    const once = (child: ChildProcess) => child.killed || child.kill('SIGINT');
    const { code, stdout, stderr } = await run(long, { onOutput: once });
    expect(code).toBe(130);
    expect(stdout).toMatch(/^, there/);
    expect(stderr).toMatch(/^Stopped after \d+ tokens, \d+ steps\.\n$/);
  });

  it('ends quietly when nobody reads on', async () => {
    const { code, stderr } = await run(long, { onOutput: (child) => child.stdout?.destroy() });
    expect(code).toBe(0);
    expect(stderr).toBe('');
  });
});

describe('Ctrl-C', () => {
  it('asks first and does not wait at the second time', async () => {
    const script = `
      cli.interruptSignal().addEventListener('abort', () => console.log('asked to stop'));
      console.log('ready');
      setInterval(() => {}, 1000);`;
    const { code, stdout } = await runScript(['interrupt.js'], script, {
      onOutput: (child) => child.kill('SIGINT'),
    });
    expect(stdout).toBe('ready\nasked to stop\n');
    expect(code).toBe(130);
  });

  it('ends the wait for a prompt that does not come', async () => {
    const script = `
      const signal = cli.interruptSignal();
      const prompt = cli.readPrompt(['-'], {}, signal);
      console.log('ready');
      await prompt.catch((error) => console.log(error.name));`;
    const { code, stdout } = await runScript(['interrupt.js', 'prompt.js'], script, {
      stdin: null,
      onOutput: (child) => child.killed || child.kill('SIGINT'),
    });
    expect(stdout).toBe('ready\nAbortError\n');
    expect(code).toBe(0);
  });
});

describe('compare', () => {
  const command = `compare Once upon a time there was a cat. Once upon a --methods greedy,prompt-lookup ${stories}`;

  it('prints a table', async () => {
    const { code, stdout } = await run(command);
    const lines = stdout.trimEnd().split('\n');
    expect(code).toBe(0);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(
      /^method +tokens +steps +forwards +tokens\/forward +seconds +tokens\/s +ratio +same/,
    );
    expect(lines[1]).toMatch(/^greedy +24 +24 +24 +1\.00 .* 1\.00x$/);
    expect(lines[2]).toMatch(/^prompt-lookup +24 .* yes$/);
  });

  it('prints an array for machines', async () => {
    const rows = await json(`${command} --json`);
    expect(rows.map(({ method }: { method: string }) => method)).toEqual(['greedy', 'prompt-lookup']);
    expect(rows[1]).toMatchObject({ same: true, differsAt: null, text: rows[0].text, tokens: 24 });
    expect(rows[1].forwards).toBeLessThan(rows[0].forwards);
  });
});

describe.concurrent('methods, models, pull, inspect', () => {
  it('lists all 48 papers, and finds by words', async () => {
    const [all, found, runnable] = await Promise.all([
      json('methods --json'),
      json('methods medusa --json'),
      json('methods --runnable --json'),
    ]);
    expect(all).toHaveLength(48);
    for (const entry of all) {
      expect(Object.keys(entry)).toEqual(['slug', 'title', 'family', 'status', 'needs', 'models']);
    }
    expect(found.map(({ slug }: { slug: string }) => slug)).toContain('medusa');
    expect(found.length).toBeLessThan(48);
    const slugs = runnable.map(({ slug }: { slug: string }) => slug);
    expect(slugs).toEqual(expect.arrayContaining(['greedy', 'sample', 'prompt-lookup']));
  });

  it('puts the baselines on top of the table', async () => {
    const { stdout } = await run('methods');
    expect(stdout).toMatch(/^slug +title +family +status\ngreedy /);
    expect(stdout).toMatch(/48 papers: \d+ work/);
  });

  it('knows what is here', async () => {
    const models = await json('models --json');
    expect(models).toMatchObject([
      { id: 'house-causal', state: 'house' },
      { id: 'house-diffusion', state: 'house' },
      { id: 'house-dparallel', state: 'house' },
      { id: 'house-draft', state: 'house' },
      { id: 'house-graph', state: 'house' },
      { id: 'house-medusa-2', state: 'house' },
      { id: 'house-noise', state: 'house' },
      { id: 'house-router', state: 'house' },
      { id: 'stories260k', state: 'house' },
      { alias: 'smollm2', state: 'not here', path: null },
    ]);
    const { path } = await json('pull house-causal --json');
    expect(path).toBe(models[0].path);
  });

  it('inspects a checkpoint by id and by path', async () => {
    const byId = await json('inspect stories260k --json');
    expect(byId).toMatchObject({
      modelType: 'llama',
      architecture: { layers: 5, hiddenSize: 64, contextLength: 512 },
      tokenizer: { vocabulary: 512, chatTemplate: false },
      kvBytesPerToken: 1280,
    });
    const { stdout } = await run(`inspect ${byId.path}`);
    expect(stdout).toMatch(/^layers +5, hidden size 64/m);
    expect(stdout).toMatch(/^memory +fp32 .*, w8a8 .*, w4 /m);
  });

  it('tells what LLaDA-8B needs from its config.json alone', async () => {
    const llada = fileURLToPath(new URL('../../test/golden/models/llada-8b', import.meta.url));
    const known = await json(`inspect ${join(llada, 'config.json')} --json`);
    expect(known).toMatchObject({
      format: 'config.json',
      modelType: 'llada',
      parameters: 8_015_581_184,
      bytes: 0,
      tensors: [],
      architecture: { causal: false, maskTokenId: 126336 },
      tokenizer: null,
    });
    expect(known).not.toHaveProperty('kvBytesPerToken');
    expect(known.memory.w4).toBeLessThan(known.memory.w8a8);
    const { stdout } = await run(`inspect ${llada}`);
    expect(stdout).toMatch(/^parameters +8,015,581,184 by config\.json; no weights are here$/m);
    expect(stdout).toMatch(/^mask +token 126336$/m);
    expect(stdout).toMatch(/^activations +.* for a prompt and canvas of 1,024 tokens$/m);
    expect(stdout).toMatch(/^memory +fp32 .*, w8a8 .*, w4 .*\n +weights and activations; no K\/V cache$/m);
  });
});

describe.concurrent('graphs', () => {
  const facts = 'Tom\tfriend\tLily\nLily\tdog\tRex\n';

  it('are read, written as an index, and decoded along', async () => {
    const [path, index] = [join(folder, 'facts.tsv'), join(folder, 'facts.index')];
    await writeFile(path, facts);
    const counted = await json(`graph ${path} --out ${index} --json`);
    expect(counted).toEqual({ triples: 2, entities: 3, relations: 2, index });
    for (const graph of [path, index]) {
      const chain = `--graph ${graph} --entity Tom --max-triples 2 --facts 2 --model stories260k --max-tokens 120`;
      const { text, finish, promptTokens } = await json(
        `generate Who? ${chain} --method decoding-on-graphs --json`,
      );
      expect(text).toMatch(/^<Tom \| friend \| Lily>\n(<Lily \| dog \| Rex>\n)?Answer: (Tom|Lily|Rex)\n$/);
      expect(finish).toBe('eos');
      expect(promptTokens).toBeGreaterThan(20);
    }
  });

  it('are refused with what to do about it', async () => {
    const bad = join(folder, 'bad.tsv');
    await writeFile(bad, 'Tom\tfriend\n');
    expect((await run(`graph ${bad}`)).stderr).toMatch(/bad\.tsv: line 1 is no triple .* A line is head/);
    expect((await run('graph')).code).toBe(2);
    expect((await run(`generate x ${stories} --entity Tom`)).stderr).toContain('Give one with --graph.');
  });
});

describe.concurrent('mistakes', () => {
  it.each([
    ['generat x', 2, /There is no command "generat"\. Did you mean generate\?/],
    ['generate x --temprature 1', 2, /Unknown option --temprature\. Did you mean --temperature\?/],
    ['generate x --method greddy', 2, /no decoding method "greddy"\. Did you mean greedy\?/],
    ['generate x --top-p 2', 2, /--top-p 2: /],
    ['generate x --method greedy --draft-tokens 4', 2, /Unknown option --draft-tokens\./],
    [`generate ${stories}`, 2, /There is no prompt\./],
    [`generate x --system y ${stories}`, 2, /stories260k has no chat template/],
    [`generate x --method greedy --temperature 1 ${stories}`, 2, /Method greedy does not sample/],
    ['generate --file no-such-file', 1, /no-such-file cannot be read \(ENOENT\)/],
    ['inspect ./nothing-here', 1, /There is no checkpoint at/],
    ['inspect smollm2', 1, /quickstep pull smollm2/],
    ['pull', 2, /"pull" needs a model/],
    ['digest', 2, /Nobody is to have the digest/],
    ['digest --to nobody', 2, /--to nobody/],
    ['digest --to you@example.org', 2, /Set QUICKSTEP_SMTP_URL/],
    ['ngrams', 2, /"ngrams" takes "build" and a folder/],
    ['ngrams build ./nothing-here --model stories260k', 1, /The folder \.\/nothing-here cannot be read/],
    [`generate x --method superposed-decoding --ngrams package.json ${stories}`, 1, /is no n-gram store/],
  ])('%s: exit code %i', async (args, code, message) => {
    const result = await run(args);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).toMatch(/^quickstep: /);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(result.stdout).toBe('');
  });

  it('shows the stack with --debug', async () => {
    expect((await run('pull --debug')).stderr).toMatch(/^\s+at /m);
  });
});

describe.concurrent('help', () => {
  it.each([
    'generate',
    'batch',
    'serve',
    'compare',
    'evaluate',
    'train',
    'prove',
    'methods',
    'models',
    'pull',
    'inspect',
    'graph',
    'ngrams',
    'digest',
  ])('of %s', async (command) => {
    const { code, stdout } = await run(`${command} --help`);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: quickstep ${command}`));
    for (const part of ['--json', '--help', 'Examples:']) expect(stdout).toContain(part);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it("shows a method's own options with their defaults", async () => {
    const { stdout } = await run('generate --method prompt-lookup --help');
    expect(stdout).toContain('Options of prompt-lookup:');
    expect(stdout).toMatch(/--branches <number> .*\(1 to 8, default 1\)/);
    expect(stdout).toMatch(/--logit-bias <id=value> /);
  });

  it('of the program, and its version', async () => {
    const [help, version] = await Promise.all([run('--help'), run('--version')]);
    expect(help.stdout).toMatch(/generate \[prompt\]/);
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
