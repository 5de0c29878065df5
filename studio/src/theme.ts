/** Light, dark, or what the system says; the choice is kept in this browser. */

export type Theme = 'system' | 'light' | 'dark';
const key = 'quickstep-theme';

/** None in browsers that block all cookies, which throw at its mention: then a choice lasts as long as the page. */
function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

export function readTheme(): Theme {
  const kept = storage()?.getItem(key);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

export function applyTheme(theme: Theme): void {
  if (theme === 'system') storage()?.removeItem(key);
  else storage()?.setItem(key, theme);
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = theme === 'system' ? (dark ? 'dark' : 'light') : theme;
}
