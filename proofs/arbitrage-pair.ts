/**
 * `quickstep prove arbitrage` with another draft or router:
 *   npx tsx proofs/arbitrage-pair.ts [--draft house-draft] [--router house-router] [--seed 2027] [--samples 30]
 */

import { parseArgs } from 'node:util';
import { createProgress } from '../src/cli/progress.ts';
import { verdictLines } from '../src/cli/prove-report.ts';
import { load } from '../src/models/load.ts';
import { arbitrageProof } from '../src/proofs/arbitrage.ts';
import { prove } from '../src/proofs/index.ts';

const { values } = parseArgs({
  options: {
    draft: { type: 'string', default: 'house-draft' },
    router: { type: 'string', default: 'house-router' },
    seed: { type: 'string', default: '2027' },
    samples: { type: 'string', default: '30' },
  },
});
const proof = arbitrageProof(values);
await using model = await load(proof.model, { threads: 1 });
const progress = createProgress(process.stderr, proof.slug, { unit: 'problems' });
const verdict = await prove(proof, model, {
  seed: Number(values.seed),
  samples: Number(values.samples),
  onProgress: (finished, problems, label) => progress.update(finished, problems, label),
});
progress.done();
console.log(verdictLines(verdict, 150).join('\n'));
