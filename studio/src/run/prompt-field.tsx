/** The prompt, with problems of the tasks that the house models know. */

import examples from 'catalogue:examples';
import { useState } from 'preact/hooks';

const stories = {
  task: 'stories',
  title: 'Story',
  prompts: ['Once upon a time', 'Lily had a red ball. Lily'],
};

/** A prompt that a model knows what to do with. */
export const firstPrompt = (model: string): string =>
  model.startsWith('stories')
    ? stories.prompts[0]
    : model === 'house-noise'
      ? examples.find(({ task }) => task === 'sudoku')!.prompts[0]
      : examples[0].prompts[0];

export function PromptField(props: { value: string; onChange(value: string): void }) {
  const [turn, setTurn] = useState(0);
  const take = (prompts: string[]): void => {
    setTurn(turn + 1);
    props.onChange(prompts[turn % prompts.length]);
  };
  return (
    <div class="field prompt-field">
      <label for="prompt">Prompt</label>
      <textarea
        id="prompt"
        rows={5}
        spellcheck={false}
        value={props.value}
        onInput={({ currentTarget }) => props.onChange(currentTarget.value)}
      />
      <fieldset class="chips">
        <legend class="unseen">Example prompts</legend>
        {[...examples, stories].map(({ task, title, prompts }) => (
          <button type="button" class="chip" key={task} onClick={() => take(prompts)}>
            {title}
          </button>
        ))}
      </fieldset>
    </div>
  );
}
