/** What has changed in the catalogue, and the ways to hear of it. */

import changes from 'catalogue:changes';
import papers from 'catalogue:papers';
import { newsOf, storyOf, verdictOf } from '../../../src/papers/change-text.ts';
import { dateOf } from '../papers/status.tsx';

const news = newsOf(changes, papers);
const days = [...new Set(news.map(({ change }) => change.date))];

function Day({ date }: { date: string }) {
  const items = news.filter(({ change }) => change.date === date);
  return (
    <section>
      <h2>
        <time dateTime={date}>{dateOf(date)}</time>
      </h2>
      <ul class="changes">
        {items.map((item) => (
          <li key={item.paper.slug}>
            <p>
              <a href={`#/papers/${item.paper.slug}`}>{item.paper.title}</a>{' '}
              <span class={`status ${item.change.to}`}>{verdictOf(item.change)}</span>
            </p>
            {item.change.measured && <p class="hint">{storyOf(item)}</p>}
          </li>
        ))}
      </ul>
    </section>
  );
}

export function ChangesPage() {
  return (
    <>
      <div class="head">
        <h1>Changes</h1>
        <p class="lead">What was added to the catalogue, and what began to work.</p>
      </div>
      <section>
        <h2>Subscribe</h2>
        <ul>
          <li>
            In a feed reader: the <a href="feed.xml">Atom feed</a> of this page.
          </li>
          <li>
            By e-mail: <code>npx quickstep digest --to you@example.org</code>, run daily on your machine,
            sends what is new through your own mail server. Nothing is sent until you set it up.
          </li>
        </ul>
      </section>
      {days.map((date) => (
        <Day key={date} date={date} />
      ))}
    </>
  );
}
