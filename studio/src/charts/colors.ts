/** Colours of series, from the style sheet, so that they follow the theme. */

const variable = (name: string): string => `var(--${name})`;

export const laneColors = (): string[] => ['series-1', 'series-2', 'series-3', 'series-4'].map(variable);
export const ink = variable('ink');
export const muted = variable('muted');
export const accent = variable('accent');
export const line = variable('line');
