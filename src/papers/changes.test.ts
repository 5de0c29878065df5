/** The log of changes as shipped tells the catalogue as it is; and the feed, read by a feed reader's parser. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAtomFeed } from 'feedsmith';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadCatalogue } from './catalogue.ts';
import { newsOf } from './change-text.ts';
import { type Change, changeId, loadChanges, newChanges } from './changes.ts';
import { renderFeed } from './feed.ts';
import { lightOf, type Paper } from './schema.ts';

const papers = await loadCatalogue();
const changes = await loadChanges();
const planned = papers.find(({ status }) => status === 'planned')!;

describe('the log of changes', () => {
  it('ends where the catalogue is (otherwise run: npm run features)', () => {
    expect(newChanges(papers, changes, '2026-01-01')).toEqual([]);
    expect(new Set(changes.map(({ slug }) => slug))).toEqual(new Set(papers.map(({ slug }) => slug)));
  });

  it('is a chain for each system, in the order of time, and says what was measured', () => {
    const lights = new Map<string, Change['to']>();
    let latest = '';
    for (const { date, slug, from, to, measured } of changes) {
      expect(from, slug).toBe(lights.get(slug) ?? null);
      expect(to, slug).not.toBe(from);
      expect(measured !== undefined, slug).toBe(to !== 'planned');
      expect(date >= latest, slug).toBe(true);
      lights.set(slug, to);
      latest = date;
    }
  });

  it('names each change by an id of its own', () => {
    expect(new Set(changes.map(changeId)).size).toBe(changes.length);
    for (const change of changes) {
      expect(changeId(change)).toMatch(
        /^urn:uuid:[\da-f]{8}-[\da-f]{4}-5[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
      );
    }
  });

  it('ids never change: readers would show everything anew', () => {
    const change: Change = { date: '2026-11-26', slug: 'medusa', from: 'planned', to: 'house' };
    expect(changeId(change)).toBe('urn:uuid:078f32a7-65f8-50ea-930e-d125c62bd9ab');
  });

  it('gets a line when a system begins to work, once', () => {
    const works: Paper = { ...planned, status: 'works', measured: 'Twice as fast as greedy.' };
    const changed = papers.map((paper) => (paper === planned ? works : paper));
    const added = newChanges(changed, changes, '2030-01-02');
    expect(added).toEqual([
      {
        date: '2030-01-02',
        slug: planned.slug,
        from: 'planned',
        to: lightOf(works),
        measured: works.measured,
      },
    ]);
    expect(newChanges(changed, [...changes, ...added], '2030-01-03')).toEqual([]);
  });

  it('names the line that is none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'changes-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'changes.jsonl');
    await writeFile(file, `${JSON.stringify(changes[0])}\n{"date":"tomorrow"}\n`);
    await expect(loadChanges(file)).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining('Line 2'),
    });
    await expect(loadChanges(join(folder, 'absent'))).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('the feed', () => {
  const feed = parseAtomFeed(renderFeed(changes, papers));
  const address = 'https://a.example/deep/feed.xml';
  const linkOf = (links: (typeof feed)['links'], rel: string) =>
    new URL(links!.find((link) => link.rel === rel)!.href!, address).href;

  it('has all changes, newest first', () => {
    expect(feed.entries?.map(({ id }) => id)).toEqual(changes.toReversed().map(changeId));
    expect(feed.updated).toBe(`${changes.at(-1)!.date}T00:00:00Z`);
    expect(feed.authors).toEqual([{ name: 'Quickstep' }]);
  });

  it('tells each as title, text and family, and leads to the pages of wherever it is served', () => {
    const [{ change, paper }] = newsOf(changes, papers);
    const [entry] = feed.entries!;
    expect(entry.title).toMatchObject({ value: expect.stringContaining(`${paper.title}: `) });
    expect(entry.summary).toMatchObject({ value: change.measured ?? paper.summary });
    expect(entry.categories?.[0].term).toBe(paper.family);
    expect(linkOf(entry.links, 'alternate')).toBe(`https://a.example/deep/#/papers/${paper.slug}`);
    expect(linkOf(feed.links, 'self')).toBe(address);
    expect(linkOf(feed.links, 'alternate')).toBe('https://a.example/deep/#/changes');
  });

  it('survives what XML has to escape, or cannot hold', () => {
    const odd: Paper = {
      ...planned,
      title: 'a < b & "c" ]]> \u0000\u001b\ud800é𝒳',
      summary: '<script>1</script>',
    };
    const added: Change = { date: '2030-01-02', slug: odd.slug, from: null, to: 'planned' };
    const [entry] = parseAtomFeed(renderFeed([added], [odd])).entries!;
    expect(entry.title).toMatchObject({ value: 'a < b & "c" ]]> é𝒳: new in the catalogue' });
    expect(entry.summary).toMatchObject({ value: '<script>1</script>' });
  });
});
