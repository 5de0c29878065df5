/**
 * The catalogue's changes as an Atom feed (RFC 4287). Its links are relative to the feed's own address, so that it is
 * right wherever the studio is served, below any path and behind any proxy.
 */

import { type News, newsOf, storyOf, verdictOf } from './change-text.ts';
import { type Change, changeId, nameUrn } from './changes.ts';
import { families, type Paper } from './schema.ts';

export const feedType = 'application/atom+xml; charset=utf-8';

/** Most entries of a feed. Readers keep what they have seen. */
const longest = 100;

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as XML 1.0 can hold it: what is no character of it is left out. */
const escaped = (text: string): string =>
  text
    .replace(/[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '')
    .replace(/[&<>"]/g, (character) => entities[character]);

function element(name: string, attributes: Record<string, string>, text = ''): string {
  const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  return `<${name}${pairs.join('')}>${escaped(text)}</${name}>`;
}

/** A day is as exact as the log is. */
const timeOf = ({ date }: Change): string => `${date}T00:00:00Z`;

function entry(news: News): string {
  const { change, paper } = news;
  const lines = [
    element('id', {}, changeId(change)),
    element('title', {}, `${paper.title}: ${verdictOf(change)}`),
    element('updated', {}, timeOf(change)),
    element('link', { rel: 'alternate', type: 'text/html', href: `./#/papers/${paper.slug}` }),
    ...(paper.url ? [element('link', { rel: 'related', type: 'text/html', href: paper.url })] : []),
    element('category', { term: paper.family, label: families[paper.family] }),
    element('summary', { type: 'text' }, storyOf(news)),
  ];
  return ['  <entry>', ...lines.map((line) => `    ${line}`), '  </entry>'].join('\n');
}

/** The whole feed, newest change first. @param changes oldest first, at least one */
export function renderFeed(changes: readonly Change[], papers: readonly Paper[]): string {
  const lines = [
    element('id', {}, nameUrn('feed of changes')),
    element('title', {}, 'Quickstep: changes of the catalogue'),
    element('updated', {}, timeOf(changes.at(-1)!)),
    element('link', { rel: 'self', type: 'application/atom+xml', href: 'feed.xml' }),
    element('link', { rel: 'alternate', type: 'text/html', href: './#/changes' }),
    '<author><name>Quickstep</name></author>',
  ];
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<feed xmlns="http://www.w3.org/2005/Atom">',
    ...lines.map((line) => `  ${line}`),
    ...newsOf(changes, papers).slice(0, longest).map(entry),
    '</feed>',
    '',
  ].join('\n');
}
