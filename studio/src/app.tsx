/** The frame of all pages: navigation, the page of the address, and where the focus goes when it changes. */

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ChangesPage } from './pages/changes.tsx';
import { ComparePage } from './pages/compare.tsx';
import { PaperPage } from './pages/paper.tsx';
import { PapersPage } from './pages/papers.tsx';
import { ResultsPage } from './pages/results.tsx';
import { RunPage } from './pages/run.tsx';
import { type Route, useRoute } from './router.ts';
import { applyTheme, readTheme, type Theme } from './theme.ts';

const sections = {
  papers: 'Papers',
  run: 'Run',
  compare: 'Compare',
  results: 'Results',
  changes: 'Changes',
} as const;

function pageOf({ path: [section = 'papers', item], query }: Route): ComponentChildren {
  if (section === 'papers' && item) return <PaperPage key={item} slug={item} />;
  if (section === 'methods' && item) return <PaperPage key={item} slug={item} />;
  if (section === 'run') return <RunPage method={query.get('method') ?? undefined} />;
  if (section === 'compare') return <ComparePage />;
  if (section === 'results') return <ResultsPage />;
  if (section === 'changes') return <ChangesPage />;
  return <PapersPage />;
}

const nextTheme = { system: 'dark', dark: 'light', light: 'system' } as const;
const themeSigns = { system: '◐', dark: '☾', light: '☀' } as const;

function ThemeButton() {
  const [theme, setTheme] = useState<Theme>(readTheme);
  const change = (): void => {
    const next = nextTheme[theme];
    applyTheme(next);
    setTheme(next);
  };
  return (
    <button type="button" class="quiet theme" onClick={change} aria-label={`Colours: ${theme}. Change`}>
      <span aria-hidden="true">{themeSigns[theme]}</span>
    </button>
  );
}

export function App() {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const address = route.path.join('/');
  const section = route.path[0] === 'methods' ? 'papers' : (route.path[0] ?? 'papers');
  useEffect(() => {
    if (!first.current) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    first.current = false;
    const heading = main.current?.querySelector('h1')?.textContent ?? 'Quickstep';
    document.title = heading === 'Quickstep' ? heading : `${heading} · Quickstep`;
  }, [address]);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <header class="top">
        <a class="mark" href="#/papers">
          Quickstep
        </a>
        <nav aria-label="Pages">
          {Object.entries(sections).map(([key, title]) => (
            <a key={key} href={`#/${key}`} aria-current={section === key ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <ThemeButton />
      </header>
      <main ref={main} id="main" tabIndex={-1}>
        {pageOf(route)}
      </main>
    </>
  );
}
