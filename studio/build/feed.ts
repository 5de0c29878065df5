/** `feed.xml` beside the built page, for those who serve its files by themselves; `quickstep serve` makes its own. */

import type { Plugin } from 'vite';
import { loadCatalogue } from '../../src/papers/catalogue.ts';
import { loadChanges } from '../../src/papers/changes.ts';
import { feedType, renderFeed } from '../../src/papers/feed.ts';

const render = async () => renderFeed(await loadChanges(), await loadCatalogue());

export function feed(): Plugin {
  return {
    name: 'quickstep:feed',
    async generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'feed.xml', source: await render() });
    },
    configureServer({ middlewares }) {
      middlewares.use('/feed.xml', async (_, response) => {
        response.setHeader('content-type', feedType).end(await render());
      });
    },
  };
}
