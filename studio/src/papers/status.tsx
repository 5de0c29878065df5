import { lightOf, lights, type Paper } from '../../../src/papers/light.ts';

export function StatusMark({ paper }: { paper: Paper }) {
  const light = lightOf(paper);
  return <span class={`status ${light}`}>{lights[light]}</span>;
}

/** Names where they are known, how many otherwise. */
export const authorsOf = ({ authors, authorCount }: Paper): string =>
  authors?.join(', ') ?? (authorCount === 1 ? '1 author' : `${authorCount} authors`);

/** `2025-10-08` as `8 October 2025`, `2025-10` as `October 2025`. */
export function dateOf(date: string): string {
  const [year, month, day] = date.split('-').map(Number);
  const options: Intl.DateTimeFormatOptions = { year: 'numeric', month: 'long', timeZone: 'UTC' };
  const format = new Intl.DateTimeFormat('en-GB', day ? { ...options, day: 'numeric' } : options);
  return format.format(new Date(Date.UTC(year, month - 1, day || 1)));
}
