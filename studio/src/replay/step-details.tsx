/** What one step did: its counters, the tokens it committed, and its draft tree with the accepted path. */

import type { Step } from '../../../src/decode/step.ts';
import { Scroll } from '../scroll.tsx';
import { visible } from './canvas.tsx';
import type { Recording } from './recording.ts';
import { type Branch, branchesOf, totalsAt } from './replay.ts';

const whole = new Intl.NumberFormat('en');

function Branches({ branches, texts }: { branches: Branch[]; texts: Recording['texts'] }) {
  if (branches.length === 0) return null;
  return (
    <ul>
      {branches.map((branch, index) => (
        <li key={index}>
          <span class={branch.accepted ? 'node accepted' : 'node'}>
            {visible(texts[branch.token] ?? '')}
            <span class="unseen">{branch.accepted ? ' accepted' : ' rejected'}</span>
          </span>
          <Branches branches={branch.next} texts={texts} />
        </li>
      ))}
    </ul>
  );
}

function Slots({ steps, count }: { steps: readonly Step[]; count: number }) {
  const most = Math.max(1, ...steps.map(({ slots }) => slots));
  const points = steps.map(({ slots }, i) => `${i},${most - slots} ${i + 1},${most - slots}`).join(' ');
  return (
    <svg class="slots" viewBox={`0 0 ${steps.length} ${most}`} preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`0,${most} ${points} ${steps.length},${most}`} />
      <rect x={count - 1} y="0" width="1" height={most} />
    </svg>
  );
}

export function StepDetails({ recording, count }: { recording: Recording; count: number }) {
  const { steps, texts } = recording;
  const step = steps[count - 1];
  const totals = totalsAt(steps, count);
  if (!step) return <p class="hint">Before the first step.</p>;
  const facts: [string, string, string?][] = [
    ['Forwards', whole.format(step.forwards), `${whole.format(totals.forwards)} so far`],
    ['Rows scored', whole.format(step.rows), `${whole.format(totals.rows)} so far`],
    ['Committed', whole.format(step.committed.length), `${whole.format(totals.tokens)} so far`],
    [
      'Drafted',
      whole.format(step.proposed.length),
      totals.drafted > 0
        ? `${whole.format(totals.accepted)} of ${whole.format(totals.drafted)} accepted`
        : 'none so far',
    ],
    ['Time', `${(1000 * step.seconds).toFixed(1)} ms`, `${totals.seconds.toFixed(2)} s so far`],
  ];
  const branches = branchesOf(step);
  return (
    <div class="details">
      <dl class="facts">
        {facts.map(([name, value, sum]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <strong>{value}</strong>
              <small>{sum}</small>
            </dd>
          </div>
        ))}
        <div>
          <dt>KV slots</dt>
          <dd>
            <strong>{whole.format(step.slots)}</strong>
            {steps.some(({ slots }) => slots > 0) ? (
              <Slots steps={steps} count={count} />
            ) : (
              <small>none are kept</small>
            )}
          </dd>
        </div>
      </dl>
      {step.committed.length > 0 && (
        <div class="committed-list">
          <h3>Committed in this step</h3>
          <ul>
            {step.committed.slice(0, 64).map(({ position, token, probability }) => (
              <li key={position}>
                <span class="token" style={{ '--p': probability.toFixed(3) }}>
                  {visible(texts[token] ?? '')}
                </span>
                <small>
                  at {position}, {(100 * probability).toFixed(0)}%
                </small>
              </li>
            ))}
          </ul>
        </div>
      )}
      {branches.length > 0 && (
        <div class="draft">
          <h3>Draft tree</h3>
          <Scroll label="Draft tree">
            <div class="tree">
              <Branches branches={branches} texts={texts} />
            </div>
          </Scroll>
        </div>
      )}
    </div>
  );
}
