/** Two to four methods on the same prompt, started together: their canvases, a race, and a table at the end. */

import methods from 'catalogue:methods';
import { useState } from 'preact/hooks';
import { fits } from '../catalogue.ts';
import { Race } from '../charts/race.tsx';
import { Canvas, ConfidenceLegend } from '../replay/canvas.tsx';
import { ModelField } from '../run/model-field.tsx';
import { NumberField } from '../run/number-field.tsx';
import { PlaceSwitch } from '../run/place-switch.tsx';
import { firstPrompt, PromptField } from '../run/prompt-field.tsx';
import { engineAt, type Place, type RunnableModel, useModels } from '../run/use-models.ts';
import { useRun } from '../run/use-run.ts';
import { Scroll } from '../scroll.tsx';

type Lane = ReturnType<typeof useRun>;

/** What stands in a lane before it is chosen. */
const usual: Record<string, readonly string[]> = {
  canvas: ['diffusion', 'freedave', 'credit-decoding', 'localleap'],
  causal: ['greedy', 'prompt-lookup', 'draft-alignment', 'beam-search'],
};

const titleOf = (slug: string): string => methods.find((method) => method.slug === slug)?.title ?? slug;

function LaneView({ lane, slug }: { lane: Lane; slug: string }) {
  const { recording, loading, problem } = lane;
  const steps = recording?.steps ?? [];
  const forwards = steps.reduce((sum, step) => sum + step.forwards, 0);
  return (
    <section class="lane" aria-label={titleOf(slug)}>
      <h2>{titleOf(slug)}</h2>
      <p class="hint">
        {problem ?? loading ?? (recording ? `${steps.length} steps, ${forwards} forwards` : 'ready')}
      </p>
      {recording && <Canvas recording={recording} count={steps.length} />}
    </section>
  );
}

function Table({ lanes, slugs }: { lanes: Lane[]; slugs: string[] }) {
  const first = lanes[0].recording?.summary;
  return (
    <Scroll label="Results">
      <table class="comparison">
        <thead>
          <tr>
            {['Method', 'Steps', 'Forwards', 'Fewer forwards', 'Tokens', 'Seconds', 'Text'].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lanes.map(({ recording }, index) => {
            const summary = recording?.summary;
            if (!summary || !first) return null;
            const { steps, forwards, tokens, seconds, text } = summary;
            return (
              <tr key={slugs[index]}>
                <th scope="row">{titleOf(slugs[index])}</th>
                <td>{steps}</td>
                <td>{forwards}</td>
                <td>{index === 0 ? 'baseline' : `${(first.forwards / forwards).toFixed(2)}×`}</td>
                <td>{tokens}</td>
                <td>{seconds.toFixed(2)}</td>
                <td>{index === 0 ? '' : text === first.text ? 'the same' : 'different'}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

export function ComparePage() {
  const models = useModels();
  const [place, setPlace] = useState<Place>('page');
  const [model, setModel] = useState('house-diffusion');
  const [prompt, setPrompt] = useState(() => firstPrompt('house-diffusion'));
  const [maxTokens, setMaxTokens] = useState<number | undefined>(32);
  const [slugs, setSlugs] = useState(['diffusion', 'freedave']);
  // Results are of the methods that were started, whatever the form says meanwhile.
  const [started, setStarted] = useState<string[]>([]);
  const runs = [useRun(), useRun(), useRun(), useRun()];
  const shown = started.length > 0 ? started : slugs;
  const lanes = runs.slice(0, shown.length);
  const here = models[place];
  const chosen = here.find(({ id }) => id === model) ?? here[0];
  const possible = methods.filter((method) => fits(method, chosen));
  const preferred = usual[chosen.capabilities.includes('causal') ? 'causal' : 'canvas'].filter((slug) =>
    possible.some((method) => method.slug === slug),
  );
  const running = lanes.some((lane) => lane.running);
  const done = lanes.every(({ recording }) => recording?.summary);

  const takeModel = (next: RunnableModel): void => {
    setModel(next.id);
    const fitting = usual[next.capabilities.includes('causal') ? 'causal' : 'canvas'];
    setSlugs([
      ...fitting.filter((slug) => fits(methods.find((method) => method.slug === slug)!, next)).slice(0, 2),
    ]);
  };
  const takePlace = (next: Place): void => {
    setPlace(next);
    if (!models[next].some(({ id }) => id === chosen.id)) takeModel(models[next][0]);
  };
  const setLane = (index: number, slug: string): void =>
    setSlugs(slugs.map((old, i) => (i === index ? slug : old)));
  const submit = (event: Event): void => {
    event.preventDefault();
    setStarted(slugs);
    for (const [index, method] of slugs.entries()) {
      const request = { model: chosen.id, prompt, method, methodOptions: {}, maxTokens: maxTokens ?? 32 };
      void runs[index].start(engineAt(place, index), request);
    }
  };
  return (
    <>
      <div class="head">
        <h1>Compare</h1>
        <p class="lead">The same prompt through several methods, started together.</p>
      </div>
      <form class="controls across" onSubmit={submit}>
        <PromptField value={prompt} onChange={setPrompt} />
        <div class="column">
          <div class="row">
            <ModelField models={here} value={chosen.id} onChange={takeModel} />
            <NumberField label="Max tokens" value={maxTokens} min={1} max={512} onChange={setMaxTokens} />
          </div>
          <div class="row">
            {slugs.map((slug, index) => (
              <div class="field grow" key={index}>
                <label for={`lane-${index}`}>{index === 0 ? 'Baseline' : `Method ${index + 1}`}</label>
                <select
                  id={`lane-${index}`}
                  value={slug}
                  onChange={({ currentTarget }) => setLane(index, currentTarget.value)}
                >
                  {possible.map((method) => (
                    <option key={method.slug} value={method.slug}>
                      {method.title}
                    </option>
                  ))}
                </select>
              </div>
            ))}
          </div>
          <div class="row">
            <button
              type="button"
              class="quiet"
              disabled={slugs.length >= 4}
              onClick={() => setSlugs([...slugs, preferred[slugs.length] ?? possible[0].slug])}
            >
              Add a method
            </button>
            <button
              type="button"
              class="quiet"
              disabled={slugs.length <= 2}
              onClick={() => setSlugs(slugs.slice(0, -1))}
            >
              Remove the last
            </button>
          </div>
          <PlaceSwitch value={place} server={models.server.length > 0} onChange={takePlace} />
          <div class="row actions">
            <button type="submit" class="primary" disabled={running}>
              Start
            </button>
            <button type="button" disabled={!running} onClick={() => lanes.map((lane) => lane.stop())}>
              Stop
            </button>
          </div>
        </div>
      </form>
      <ConfidenceLegend />
      <div class="lanes">
        {lanes.map((lane, index) => (
          <LaneView key={index} lane={lane} slug={shown[index]} />
        ))}
      </div>
      {done && (
        <>
          <Race
            lanes={lanes.map(({ recording }, index) => ({
              label: titleOf(shown[index]),
              steps: recording!.steps,
            }))}
          />
          <Table lanes={lanes} slugs={shown} />
        </>
      )}
    </>
  );
}
