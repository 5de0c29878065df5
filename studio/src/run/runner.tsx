/** A form for one run and the run itself; on a paper's page the method is given. */

import methods from 'catalogue:methods';
import { useEffect, useRef, useState } from 'preact/hooks';
import { fits } from '../catalogue.ts';
import { saveRun } from '../replay/export-run.ts';
import { Replay } from '../replay/replay.tsx';
import { SummaryLine } from '../replay/summary.tsx';
import { ModelField } from './model-field.tsx';
import { NumberField } from './number-field.tsx';
import { OptionFields, type OptionValues } from './option-fields.tsx';
import { PlaceSwitch } from './place-switch.tsx';
import { firstPrompt, PromptField } from './prompt-field.tsx';
import { engineAt, type Place, type RunnableModel, useModels } from './use-models.ts';
import { useRun } from './use-run.ts';

/** The model that a method is meant for, or the first that has what it needs. */
function modelFor(slug: string, models: ReturnType<typeof useModels>['page']): string {
  const method = methods.find((entry) => entry.slug === slug)!;
  const house = models.filter(({ id }) => id.startsWith('house-'));
  return method.model ?? [...house, ...models].find((model) => fits(method, model))?.id ?? models[0].id;
}

/** Whether the system asks for little movement; scripts have to see to it themselves. */
const movesLittle = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;

export function Runner({ method: given, fixed = false }: { method: string; fixed?: boolean }) {
  const models = useModels();
  const [place, setPlace] = useState<Place>('page');
  const [slug, setSlug] = useState(given);
  const [model, setModel] = useState(() => modelFor(given, models.page));
  const [prompt, setPrompt] = useState(() => firstPrompt(modelFor(given, models.page)));
  const [values, setValues] = useState<OptionValues>({});
  const [maxTokens, setMaxTokens] = useState<number | undefined>(32);
  const [temperature, setTemperature] = useState<number>();
  const [seed, setSeed] = useState<number>();
  const { recording, running, loading, problem, start, stop } = useRun();
  const form = useRef<HTMLFormElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const here = models[place];
  const chosen = here.find(({ id }) => id === model) ?? here[0];
  const method = methods.find((entry) => entry.slug === slug)!;
  const possible = fixed ? [method] : methods.filter((entry) => fits(entry, chosen));

  const takeModel = (next: RunnableModel): void => {
    setModel(next.id);
    if (!fixed && !fits(method, next)) setSlug(methods.find((entry) => fits(entry, next))!.slug);
    setValues({});
  };
  const takePlace = (next: Place): void => {
    setPlace(next);
    const there = models[next];
    if (there.some(({ id }) => id === chosen.id)) return;
    takeModel((fixed ? there.find((entry) => fits(method, entry)) : undefined) ?? there[0]);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const request = { model: chosen.id, prompt, method: slug, methodOptions: values };
    void start(engineAt(place), { ...request, maxTokens: maxTokens ?? 32, temperature, seed });
    if (stage.current!.getBoundingClientRect().top > innerHeight * 0.6)
      stage.current!.scrollIntoView({ behavior: movesLittle() ? 'auto' : 'smooth' });
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') stop();
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.current?.requestSubmit();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });

  return (
    <div class="runner">
      <form ref={form} class="controls" onSubmit={submit}>
        <PromptField value={prompt} onChange={setPrompt} />
        <div class="row">
          <ModelField
            models={here.filter((entry) => !fixed || fits(method, entry))}
            value={chosen.id}
            onChange={takeModel}
          />
          {!fixed && (
            <div class="field grow">
              <label for="method">Method</label>
              <select
                id="method"
                value={slug}
                onChange={({ currentTarget }) => {
                  setSlug(currentTarget.value);
                  setValues({});
                }}
              >
                {possible.map((entry) => (
                  <option key={entry.slug} value={entry.slug}>
                    {entry.title}
                  </option>
                ))}
              </select>
            </div>
          )}
        </div>
        <p class="hint">{method.summary}</p>
        <div class="row">
          <NumberField label="Max tokens" value={maxTokens} min={1} max={512} onChange={setMaxTokens} />
          <NumberField
            label="Temperature"
            value={temperature}
            min={0}
            max={5}
            step={0.1}
            placeholder="0"
            onChange={setTemperature}
          />
          <NumberField label="Seed" value={seed} min={0} max={2 ** 31} placeholder="0" onChange={setSeed} />
        </div>
        <details>
          <summary>Options of {method.title}</summary>
          <OptionFields fields={method.options.properties} values={values} onChange={setValues} />
        </details>
        <PlaceSwitch value={place} server={models.server.length > 0} onChange={takePlace} />
        <div class="row actions">
          <button type="submit" class="primary" disabled={running}>
            Run
          </button>
          <button type="button" onClick={stop} disabled={!running}>
            Stop
          </button>
          <small class="hint keys">Ctrl+Enter runs, Esc stops</small>
        </div>
      </form>
      <div class="stage" ref={stage}>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        {loading && (
          <p class="hint loading" role="status">
            {loading}
          </p>
        )}
        {recording && recording.steps.length > 0 ? (
          <>
            <Replay recording={recording} live={running} />
            {recording.summary && <SummaryLine summary={recording.summary} />}
            {!running && (
              <p class="after">
                <span class="hint">Ran in {recording.place}.</span>
                <button type="button" class="quiet" onClick={() => saveRun(recording)}>
                  Save as HTML
                </button>
              </p>
            )}
          </>
        ) : (
          !loading && <EmptyStage />
        )}
      </div>
    </div>
  );
}

function EmptyStage() {
  return (
    <div class="empty">
      <p class="lead">Each step fills in a little of the page.</p>
      <p class="hint">
        Press Run. The first run fetches the model, a few megabytes, and then needs no server: it decodes in
        this page.
      </p>
    </div>
  );
}
