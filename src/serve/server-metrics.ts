/** What a server counts. */

import type { Result } from '../decode/generate.ts';
import type { Admission } from './admission.ts';
import { Counter, Gauge, Histogram, metricsText } from './metrics.ts';
import type { ModelPool } from './models.ts';

const bounds = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

export class ServerMetrics {
  readonly #requests = new Counter();
  readonly #tokens = new Counter();
  readonly #forwards = new Counter();
  readonly #drafts = new Counter();
  readonly #first = new Histogram(bounds);
  readonly #seconds = new Histogram(bounds);

  /** A request was answered. */
  request(route: string, status: number): void {
    this.#requests.add({ route, status: String(status) });
  }

  /** Answers were finished. */
  answers(model: string, results: readonly Result[]): void {
    for (const { promptTokens, tokens, forwards, statistics, firstTokenSeconds, seconds } of results) {
      this.#tokens.add({ model, kind: 'prompt' }, promptTokens);
      this.#tokens.add({ model, kind: 'reused' }, statistics.kvReused);
      this.#tokens.add({ model, kind: 'answer' }, tokens.length);
      this.#forwards.add({ model }, forwards);
      this.#drafts.add({ model, kind: 'drafted' }, statistics.drafted);
      this.#drafts.add({ model, kind: 'accepted' }, statistics.accepted);
      this.#first.observe(firstTokenSeconds);
      this.#seconds.observe(seconds);
    }
  }

  text(models: ModelPool, admission: Admission): string {
    const byModel = (read: (batch: ModelPool['loaded'][number]) => number) =>
      new Gauge(() => models.loaded.map((batch) => [{ model: batch.model.id }, read(batch)] as const));
    return metricsText({
      quickstep_requests_total: { help: 'HTTP requests answered.', metric: this.#requests },
      quickstep_tokens_total: {
        help: 'Tokens of finished answers and their prompts, and of these those whose K/V were there.',
        metric: this.#tokens,
      },
      quickstep_forwards_total: {
        help: 'Forwards that finished answers took part in.',
        metric: this.#forwards,
      },
      quickstep_draft_tokens_total: { help: 'Draft tokens scored and accepted.', metric: this.#drafts },
      quickstep_first_token_seconds: { help: 'Time to the first token.', metric: this.#first },
      quickstep_answer_seconds: { help: 'Time of an answer from its first step on.', metric: this.#seconds },
      quickstep_pending: {
        help: 'Answers that are decoded or wait.',
        metric: new Gauge(() => [[{}, admission.pending]]),
      },
      quickstep_running: {
        help: 'Answers in the batch of a model.',
        metric: byModel((batch) => batch.running),
      },
      quickstep_slots: { help: 'K/V slots in use.', metric: byModel((batch) => batch.slots) },
      quickstep_prefix_tokens: {
        help: 'Tokens of ended requests whose K/V are kept for prompts that begin alike.',
        metric: byModel((batch) => batch.keptTokens),
      },
      process_resident_memory_bytes: {
        help: 'Resident memory.',
        metric: new Gauge(() => [[{}, process.memoryUsage.rss()]]),
      },
    });
  }
}
