/** The catalogue: newest first, or by how well an entry matches the words typed. */

import papers from 'catalogue:papers';
import { useEffect, useRef, useState } from 'preact/hooks';
import { families } from '../../../src/papers/families.ts';
import { type Light, lightOf, lights, type Paper } from '../../../src/papers/light.ts';
import { searchCatalogue } from '../../../src/papers/search.ts';
import { authorsOf, dateOf, StatusMark } from '../papers/status.tsx';

function Entry({ paper }: { paper: Paper }) {
  return (
    <li class="entry">
      <h2>
        <a href={`#/papers/${paper.slug}`}>{paper.title}</a>
      </h2>
      <p class="meta">
        <StatusMark paper={paper} />
        <span>{families[paper.family]}</span>
        <time dateTime={paper.date}>{dateOf(paper.date)}</time>
        <span>{authorsOf(paper)}</span>
      </p>
      <p class="abstract">{paper.summary}</p>
      <dl class="claims">
        <div>
          <dt>Claimed</dt>
          <dd>{paper.claim}</dd>
        </div>
        {paper.measured && (
          <div>
            <dt>Measured here</dt>
            <dd>{paper.measured}</dd>
          </div>
        )}
      </dl>
    </li>
  );
}

function Choice<T extends string>(props: {
  label: string;
  all: string;
  options: Record<T, string>;
  value: T | '';
  onChange(value: T | ''): void;
}) {
  const id = `filter-${props.label.toLowerCase()}`;
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select
        id={id}
        value={props.value}
        onChange={({ currentTarget }) => props.onChange(currentTarget.value as T | '')}
      >
        <option value="">{props.all}</option>
        {Object.entries<string>(props.options).map(([key, title]) => (
          <option key={key} value={key}>
            {title}
          </option>
        ))}
      </select>
    </div>
  );
}

/** The search lives on while a paper is read. */
const kept = { words: '', family: '' as keyof typeof families | '', light: '' as Light | '' };

export function PapersPage() {
  const [filter, setFilter] = useState(kept);
  const search = useRef<HTMLInputElement>(null);
  const change = (part: Partial<typeof kept>): void => setFilter(Object.assign(kept, part) && { ...kept });
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== '/' || (event.target as HTMLElement).matches('input, textarea, select')) return;
      event.preventDefault();
      search.current?.focus();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const { words, family, light } = filter;
  const found = searchCatalogue(papers, words).filter(
    (paper) => (!family || paper.family === family) && (!light || lightOf(paper) === light),
  );
  const working = papers.filter(({ status }) => status === 'works').length;
  return (
    <>
      <div class="head">
        <h1>Ways to fill a page</h1>
        <p class="lead">
          {papers.length} published ways to decode, on one engine. {working} run here; each is told in steps,
          and measured against what its paper claims.
        </p>
      </div>
      <search class="filters">
        <div class="field grow">
          <label for="words">Search</label>
          <input
            ref={search}
            id="words"
            type="search"
            autocomplete="off"
            placeholder="Words of a title or a summary ( / )"
            value={words}
            onInput={({ currentTarget }) => change({ words: currentTarget.value })}
          />
        </div>
        <Choice
          label="Family"
          all="All families"
          options={families}
          value={family}
          onChange={(family) => change({ family })}
        />
        <Choice
          label="Status"
          all="Any status"
          options={lights}
          value={light}
          onChange={(light) => change({ light })}
        />
      </search>
      <p class="count" role="status">
        {found.length} {found.length === 1 ? 'paper' : 'papers'},{' '}
        {words.trim() ? 'best match first' : 'newest first'}
      </p>
      <ol class="entries">
        {found.map((paper) => (
          <Entry key={paper.slug} paper={paper} />
        ))}
      </ol>
    </>
  );
}
