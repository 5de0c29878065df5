/** Where a run decodes. */

import type { Place } from './use-models.ts';

export function PlaceSwitch(props: { value: Place; server: boolean; onChange(place: Place): void }) {
  const places = { page: 'In this page', server: 'On the server' } as const;
  return (
    <fieldset class="switch">
      <legend>Where it runs</legend>
      {(Object.keys(places) as Place[]).map((place) => (
        <label key={place}>
          <input
            type="radio"
            name="place"
            checked={props.value === place}
            disabled={place === 'server' && !props.server}
            onChange={() => props.onChange(place)}
          />
          <span>{places[place]}</span>
        </label>
      ))}
    </fieldset>
  );
}
