/** Which model decodes. */

import type { RunnableModel } from './use-models.ts';

export function ModelField(props: {
  models: readonly RunnableModel[];
  value: string;
  onChange(model: RunnableModel): void;
}) {
  return (
    <div class="field grow">
      <label for="model">Model</label>
      <select
        id="model"
        value={props.value}
        onChange={({ currentTarget: { value } }) =>
          props.onChange(props.models.find(({ id }) => id === value)!)
        }
      >
        {props.models.map(({ id }) => (
          <option key={id}>{id}</option>
        ))}
      </select>
    </div>
  );
}
