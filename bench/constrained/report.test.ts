import { describe, expect, it } from 'vitest';
import { cases } from './cases.ts';
import { constrainedTables, largestMaskShare, renderConstrainedReport } from './report-text.ts';
import { type ConstrainedResults, constrainedResultsFile, medianOf } from './results.ts';
import { gbnfOf } from './xgrammar.ts';

const one = (
  engine: ConstrainedResults['measurements'][number]['engine'],
  measure: ConstrainedResults['measurements'][number]['measure'],
  ...values: number[]
) => ({ engine, case: cases[0].name, measure, values });

const results = constrainedResultsFile.parse({
  date: '2026-11-26T10:00:00.000Z',
  machine: { processor: 'P', cores: 2, platform: 'linux x64', node: 'v20', load: [7, 8] },
  threads: 2,
  rounds: 3,
  versions: { 'node-llama-cpp': '3.22.1' },
  measurements: [
    one('quickstep', 'warm mask', 0.2, 0.1, 0.3),
    one('quickstep', 'free', 10, 10, 40),
    one('quickstep', 'constrained', 5, 5, 5),
    one('llama.cpp', 'free', 10),
    one('llama.cpp', 'constrained', 20),
  ],
});

describe('the constrained report', () => {
  it('compares within an engine, by medians', () => {
    expect(medianOf(results, 'quickstep', cases[0].name, 'warm mask')).toBe(0.2);
    expect(constrainedTables(results)[2].rows[0]).toEqual([
      cases[0].name,
      '0.50x',
      '',
      '10.0',
      '2.00x',
      '10.0',
    ]);
    expect(largestMaskShare(results)).toBeCloseTo(0.02);
  });

  it('says that the machine was busy', () => {
    expect(renderConstrainedReport(results)).toContain('busy before the run');
  });
});

it('reads XGrammar’s grammars without its hints', () => {
  expect(gbnfOf('a ::= ("\\\\" [^\\0-\\x1f]) (= [,}])\nroot ::= a')).toBe(
    'a ::= ("\\\\" [^\\x00-\\x1f])\nroot ::= a',
  );
});
