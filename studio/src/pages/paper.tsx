/** A paper, or a method without one: what it does, a live run, the figure of its proof, its explanation. */

import methods from 'catalogue:methods';
import papers from 'catalogue:papers';
import { useEffect, useState } from 'preact/hooks';
import { families } from '../../../src/papers/families.ts';
import { ProofFigure } from '../charts/proof-figure.tsx';
import { authorsOf, dateOf, StatusMark } from '../papers/status.tsx';
import { Runner } from '../run/runner.tsx';

const explanations = import.meta.glob<string>(['../../../docs/methods/*.md', '!**/README.md'], {
  query: '?explanation',
  import: 'default',
});

function Explanation({ slug }: { slug: string }) {
  const [html, setHtml] = useState('');
  const load = explanations[`../../../docs/methods/${slug}.md`];
  useEffect(() => {
    load?.().then(setHtml);
  }, [load]);
  if (!load) return null;
  return (
    <section class="prose">
      <h2>How it works</h2>
      <div dangerouslySetInnerHTML={{ __html: html }} />
    </section>
  );
}

export function PaperPage({ slug }: { slug: string }) {
  const paper = papers.find((entry) => entry.slug === slug || entry.method === slug);
  const method = methods.find((entry) => entry.slug === (paper?.method ?? slug));
  if (!paper && !method) {
    return (
      <div class="head">
        <h1>Nothing here</h1>
        <p class="lead">
          There is no paper or method “{slug}”. <a href="#/papers">All papers</a>
        </p>
      </div>
    );
  }
  return (
    <article>
      <div class="head">
        {paper ? (
          <p class="meta">
            <StatusMark paper={paper} />
            <span>{families[paper.family]}</span>
            <time dateTime={paper.date}>{dateOf(paper.date)}</time>
            <span>{authorsOf(paper)}</span>
            {paper.url && (
              <a href={paper.url} target="_blank" rel="noopener">
                arXiv
              </a>
            )}
          </p>
        ) : (
          <p class="meta">{method!.family}</p>
        )}
        <h1>{paper?.title ?? method!.title}</h1>
        <p class="lead">{paper?.summary ?? method!.summary}</p>
      </div>
      {paper && (
        <dl class="claims wide">
          <div>
            <dt>The paper claims</dt>
            <dd>{paper.claim}</dd>
          </div>
          <div>
            <dt>{paper.measured ? 'Measured here' : 'What our proof will ask'}</dt>
            <dd>{paper.measured ?? paper.proof}</dd>
          </div>
        </dl>
      )}
      {method && (
        <section>
          <h2>Live</h2>
          <Runner method={method.slug} fixed />
        </section>
      )}
      <ProofFigure slug={slug} />
      <Explanation slug={method?.slug ?? slug} />
    </article>
  );
}
