/** A form field for each option of a method, made from its schema; what is left empty keeps its default. */

import type { OptionField } from '../catalogue.ts';

export type OptionValues = Record<string, unknown>;

/** `blockLength` as people read it. */
const title = (name: string): string =>
  name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/^./, (first) => first.toUpperCase())
    .replace(/ [A-Z](?=[a-z])/g, (word) => word.toLowerCase());

interface FieldProps {
  name: string;
  field: OptionField;
  value: unknown;
  onChange(value: unknown): void;
}

function Control({ name, field, value, onChange }: FieldProps) {
  const id = `option-${name}`;
  const described = field.description ? `${id}-hint` : undefined;
  if (field.type === 'boolean' || field.enum) {
    const values = field.enum ?? ['true', 'false'];
    const read = (text: string): unknown => (text === '' ? undefined : field.enum ? text : text === 'true');
    return (
      <select
        id={id}
        aria-describedby={described}
        value={value === undefined ? '' : String(value)}
        onChange={({ currentTarget }) => onChange(read(currentTarget.value))}
      >
        <option value="">{field.default === undefined ? 'default' : String(field.default)}</option>
        {values
          .filter((option) => option !== String(field.default))
          .map((option) => (
            <option key={option}>{option}</option>
          ))}
      </select>
    );
  }
  const numeric = field.type === 'integer' || field.type === 'number';
  const read = (text: string): unknown => (text === '' ? undefined : numeric ? Number(text) : text);
  return (
    <input
      id={id}
      aria-describedby={described}
      {...(numeric ? { type: 'number' } : { list: undefined })}
      step={field.type === 'integer' ? 1 : 'any'}
      min={field.minimum ?? field.exclusiveMinimum}
      max={field.maximum ?? field.exclusiveMaximum}
      placeholder={field.default === undefined ? 'default' : String(field.default)}
      value={value === undefined ? '' : String(value)}
      onInput={({ currentTarget }) => onChange(read(currentTarget.value))}
    />
  );
}

/** Kinds of fields that a form can show; lists and objects are for the API. */
const simple = ({ type, enum: values }: OptionField): boolean => type !== undefined || values !== undefined;

export function OptionFields(props: {
  fields: Record<string, OptionField>;
  values: OptionValues;
  onChange(values: OptionValues): void;
}) {
  const fields = Object.entries(props.fields).filter(([, field]) => simple(field));
  if (fields.length === 0) return <p class="hint">This method has no options of its own.</p>;
  return (
    <div class="options">
      {fields.map(([name, field]) => (
        <div class="field" key={name}>
          <label for={`option-${name}`}>{title(name)}</label>
          <Control
            name={name}
            field={field}
            value={props.values[name]}
            onChange={(value) => {
              const { [name]: _, ...others } = props.values;
              props.onChange(value === undefined ? others : { ...others, [name]: value });
            }}
          />
          {field.description && (
            <small class="hint" id={`option-${name}-hint`}>
              {field.description}
            </small>
          )}
        </div>
      ))}
    </div>
  );
}
