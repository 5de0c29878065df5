/** A number that may be left out. */

export function NumberField(props: {
  label: string;
  value: number | undefined;
  min: number;
  max: number;
  step?: number;
  placeholder?: string;
  onChange(value: number | undefined): void;
}) {
  const id = `number-${props.label.toLowerCase().replace(/\W+/g, '-')}`;
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        type="number"
        min={props.min}
        max={props.max}
        step={props.step ?? 1}
        placeholder={props.placeholder}
        value={props.value ?? ''}
        onInput={({ currentTarget: { value } }) => props.onChange(value === '' ? undefined : Number(value))}
      />
    </div>
  );
}
