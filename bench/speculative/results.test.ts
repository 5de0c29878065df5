import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { speculativePlot } from './plot.ts';
import { pickQuestions, readQuestions } from './questions.ts';
import { pictureName, renderSpeculativeReport, speculativeTables } from './report-text.ts';
import { answerResult, speculativeResultsFile, summarize } from './results.ts';
import { systems } from './systems.ts';
import { sample } from './testing/sample.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-speculative-'));
afterAll(() => rm(folder, { recursive: true }));

it('survives being written', () => {
  expect(speculativeResultsFile.parse(JSON.parse(JSON.stringify(sample)))).toEqual(sample);
});

it('averages speeds over questions, and counts tokens for each forward behind that of the prompt', () => {
  const drafts = summarize(sample.questions, 1);
  expect(drafts.rate).toBeCloseTo((11 + 8) / 2);
  expect(drafts.decodeRate).toBeCloseTo((10 / 0.5 + 5 / 0.25) / 2);
  expect(drafts.tokensPerForward).toBeCloseTo((10 + 5) / (5 + 3));
  expect(drafts.acceptance).toEqual([6 / 8, 1 / 4]);
  expect(drafts.same).toBe(2);
  expect(summarize(sample.questions, 0).tokensPerForward).toBe(1);
  expect(summarize(sample.questions, 2)).toMatchObject({ same: 0, tokensPerForward: undefined });
});

it('reads levels from an engine, as far as it drafted', () => {
  const numbers = { seconds: 1, first: 0.1, tokens: 4, digest: 7, forwards: 3 };
  expect(answerResult({ ...numbers, 'drafted.1': 2, 'accepted.1': 1, 'drafted.2': 1 })).toEqual({
    ...numbers,
    drafted: [2, 1],
    accepted: [1, 0],
  });
});

it('tells the tables of a run', () => {
  const [all, speed, tokens, levels] = speculativeTables(sample);
  expect(all.rows[1]).toEqual(['drafts', '1.88', '9.5', '1.43x', '1.90x', '2.00x', '2 of 2']);
  expect(all.rows[2][6]).toBe('');
  expect(speed.head).toEqual(['', 'qa', 'rag']);
  expect(speed.rows[1]).toEqual(['drafts', '1.50x', '1.33x']);
  expect(tokens.rows[2]).toEqual(['llama.cpp', '', '']);
  expect(levels.rows).toEqual([['drafts', '75%', '25%']]);
  const page = renderSpeculativeReport(sample);
  expect(page).toContain(`](${pictureName})`);
  expect(page).not.toMatch(/undefined|NaN/);
  expect(page).not.toContain('## Other runs');
  const both = renderSpeculativeReport(sample, [{ ...sample, maxTokens: 77 }]);
  expect(both).toContain('answers up to 77 tokens');
  const picture = speculativePlot(sample);
  for (const { label } of sample.systems) expect(picture).toContain(`>${label}</text>`);
});

it('compares with a baseline that decodes one token at a time', () => {
  expect(systems[0]).toEqual({ label: 'greedy', engine: 'quickstep-w8a8', lossless: true });
  expect(new Set(systems.map(({ label }) => label)).size).toBe(systems.length);
});

describe('questions', () => {
  const line = (id: number, category: string) =>
    JSON.stringify({ question_id: id, category, turns: [`question ${id}`, 'and then?'] });

  it('are as many of each task as there are, in an order of the seed', async () => {
    const path = join(folder, 'questions.jsonl');
    const lines = [...Array(30).keys()].map((id) =>
      line(id, ['qa', 'writing', 'coding', 'rag', 'qa'][id % 5]),
    );
    await writeFile(path, `${lines.join('\n')}\n`);
    const questions = await readQuestions(path);
    expect(questions[0]).toEqual({ id: 0, task: 'qa', text: 'question 0' });
    const picked = pickQuestions(questions, 9, 1);
    for (const task of ['qa', 'mt_bench', 'rag'])
      expect(picked.filter((question) => question.task === task)).toHaveLength(3);
    expect(pickQuestions(questions, 9, 1)).toEqual(picked);
    expect(pickQuestions(questions, 9, 2)).not.toEqual(picked);
    expect(pickQuestions(questions, 100, 1)).toHaveLength(30);
  });

  it('that are none are refused', async () => {
    const path = join(folder, 'damaged.jsonl');
    await writeFile(path, `${line(1, 'qa')}\n{"question_id": 2}\n`);
    await expect(readQuestions(path)).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining('line 2'),
    });
    await expect(readQuestions(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'not-found' });
  });
});
