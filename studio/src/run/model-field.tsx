/** Which model decodes. */

export function ModelField(props: { ids: readonly string[]; value: string; onChange(id: string): void }) {
  return (
    <div class="field grow">
      <label for="model">Model</label>
      <select
        id="model"
        value={props.value}
        onChange={({ currentTarget }) => props.onChange(currentTarget.value)}
      >
        {props.ids.map((id) => (
          <option key={id}>{id}</option>
        ))}
      </select>
    </div>
  );
}
