/**
 * `docs/methods/<slug>.md` as modules of HTML, so that the page carries no Markdown parser. Links lead to the papers
 * of the studio where they can, out of it where they say so, and nowhere otherwise.
 */

import { readFile } from 'node:fs/promises';
import { Marked, type Tokens } from 'marked';
import type { Plugin } from 'vite';

/** Slugs of the pages that the studio has, by the file they are explained in. */
function addressOf(href: string): string | undefined {
  if (/^https:\/\//.test(href)) return href;
  const [, slug] = /^([\w.-]+)\.md(?:#.*)?$/.exec(href) ?? [];
  return slug && slug !== 'README' ? `#/methods/${slug}` : undefined;
}

const marked = new Marked({
  renderer: {
    link({ href, tokens }: Tokens.Link): string {
      const text = this.parser.parseInline(tokens);
      const address = addressOf(href);
      if (!address) return text;
      return address.startsWith('#')
        ? `<a href="${address}">${text}</a>`
        : `<a href="${address}" rel="noopener" target="_blank">${text}</a>`;
    },
    /** The page has the title already; the levels below stay in order. */
    heading({ tokens, depth }: Tokens.Heading): string {
      return depth === 1 ? '' : `<h${depth + 1}>${this.parser.parseInline(tokens)}</h${depth + 1}>`;
    },
    image: ({ text }: Tokens.Image) => text,
    html: () => '',
  },
});

export function explanations(): Plugin {
  return {
    name: 'quickstep:explanations',
    enforce: 'pre',
    async load(id) {
      if (!id.endsWith('.md?explanation')) return undefined;
      const file = id.replace('?explanation', '');
      this.addWatchFile(file);
      const html = await marked.parse(await readFile(file, 'utf8'));
      // Wide tables scroll by themselves, also with the keyboard.
      const scrolled = html
        .replaceAll('<table>', '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>')
        .replaceAll('</table>', '</table></div>');
      return `export default ${JSON.stringify(scrolled)};`;
    },
  };
}
