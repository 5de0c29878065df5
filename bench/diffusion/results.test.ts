import { describe, expect, it } from 'vitest';
import { methods } from '../../src/decode/registry.ts';
import { entries } from './entries.ts';
import { diffusionTables, pictureName, renderDiffusionReport } from './report-text.ts';
import { diffusionResultsFile, frontier, speedUp } from './results.ts';
import { figures, resultsWith } from './testing/sample.ts';

const results = resultsWith();
const { decodings } = results;
const named = (label: string) => decodings.find((one) => one.label === label)!;

it('survives being written', () => {
  expect(diffusionResultsFile.parse(JSON.parse(JSON.stringify(results)))).toEqual(results);
});

it('adds up over tasks, and against the baseline problem by problem', () => {
  const { all, tasks } = named('localleap');
  expect(all).toMatchObject({ samples: 40, correct: 34, forwards: 1.5, tokensPerForward: 8 });
  expect(all.against).toMatchObject({ improved: 0, worsened: 4, difference: -0.1 });
  expect(tasks[0].against).toMatchObject({ worsened: 3, difference: -0.15 });
  expect(speedUp(all, decodings[0].all)).toBeCloseTo(32 / 1.5);
});

describe('the frontier', () => {
  it('leaves out what another beats', () => {
    expect(frontier(decodings).map(({ label }) => label)).toEqual([
      'freedave',
      'threshold 0.9',
      'localleap',
      'localleap + credit',
    ]);
  });

  it('keeps both of two equals', () => {
    const twins = resultsWith([figures[0], ['twin', 'method', [18, 20], 32]]).decodings;
    expect(frontier(twins)).toHaveLength(2);
  });
});

describe('entries', () => {
  const canvas = entries({ capabilities: new Set(['bidirectional', 'canvas', 'mask-token'] as const) });

  it('are one token a step first, and every canvas method that the model can run', () => {
    expect(canvas[0].label).toBe('one token a step');
    const used = new Set(canvas.map(({ method }) => method));
    for (const { slug, family, needs } of methods.values()) {
      if (family !== 'masked-diffusion') continue;
      const runs = needs.every((need) => ['bidirectional', 'canvas', 'mask-token'].includes(need));
      if (runs) expect(used).toContain(slug);
      else expect(used).not.toContain(slug);
    }
  });

  it('have names of their own', () => {
    const labels = canvas.map(({ label }) => label);
    expect(new Set(labels).size).toBe(labels.length);
  });
});

describe('the page', () => {
  const page = renderDiffusionReport(results);

  it('shows every decoding on every task, with its options', () => {
    const tables = diffusionTables(results);
    expect(tables).toHaveLength(3);
    for (const { head, rows } of tables) {
      expect(rows.map(([label]) => label)).toEqual(decodings.map(({ label }) => label));
      for (const row of rows) expect(row).toHaveLength(head.length);
    }
    expect(page).toContain('| threshold 0.9 | 92.5% | -2.5 (');
    expect(page).toContain('| localleap + credit | diffusion | steps 4 |');
    expect(page).toContain(`](${pictureName})`);
  });

  it('says that the machine was busy only when it was', () => {
    expect(page).not.toContain('busy');
    const busy = { ...results, machine: { ...results.machine, load: [3, 4] } };
    expect(renderDiffusionReport(busy)).toContain('The machine was busy before the run (load average 3.0)');
  });
});
