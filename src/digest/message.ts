/** Changes of the catalogue as a mail. */

import { type News, storyOf, verdictOf } from '../papers/change-text.ts';

export interface Message {
  subject: string;
  text: string;
}

/** @param studio address of a studio whose pages the mail leads to; without it, it leads to the papers themselves */
export function digestMessage(news: readonly News[], studio?: string): Message {
  const count = `${news.length} ${news.length === 1 ? 'change' : 'changes'}`;
  const base = studio && new URL(studio).href.replace(/\/?(#.*)?$/, '/');
  const items = news.map((item) => {
    const { change, paper } = item;
    const link = base ? `${base}#/papers/${paper.slug}` : paper.url;
    const head = `${paper.title}: ${verdictOf(change)} (${change.date})`;
    return [head, storyOf(item), ...(link ? [link] : [])].join('\n');
  });
  const end =
    'Sent by "quickstep digest", which runs on your own machine. It stops when you stop running it.';
  return {
    subject: `Quickstep: ${count} of the catalogue`,
    text: `${[...items, `-- \n${end}`].join('\n\n')}\n`,
  };
}
