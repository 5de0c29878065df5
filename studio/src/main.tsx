import '@fontsource-variable/inter/wght.css';
import '@fontsource/source-serif-4/latin-400.css';
import '@fontsource/source-serif-4/latin-600.css';
import './styles/base.css';
import './styles/page.css';
import './styles/replay.css';
import './styles/forms.css';
import { render } from 'preact';
import { App } from './app.tsx';
import { applyTheme, readTheme } from './theme.ts';

applyTheme(readTheme());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => applyTheme(readTheme()));
render(<App />, document.getElementById('app')!);
