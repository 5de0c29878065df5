/** An exported run by itself: what `export-run.ts` puts into one HTML file. */

import './styles/base.css';
import './styles/replay.css';
import { render } from 'preact';
import type { Recording } from './replay/recording.ts';
import { Replay } from './replay/replay.tsx';
import { SummaryLine } from './replay/summary.tsx';

const recording = JSON.parse(document.getElementById('recording')!.textContent!) as Recording;
const dark = matchMedia('(prefers-color-scheme: dark)');
const paint = (): void => {
  document.documentElement.dataset.theme = dark.matches ? 'dark' : 'light';
};
paint();
dark.addEventListener('change', paint);

render(
  <main>
    <h1>{recording.request.method}</h1>
    <p class="lead">
      {recording.request.model}, {recording.place}
    </p>
    <pre class="prompt">{recording.request.prompt}</pre>
    <Replay recording={recording} live={false} />
    {recording.summary && <SummaryLine summary={recording.summary} />}
  </main>,
  document.getElementById('app')!,
);
