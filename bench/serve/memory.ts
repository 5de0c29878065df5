/** Memory of this process over some time, in text. */

import {
  constants,
  type NodeGCPerformanceDetail,
  type PerformanceEntry,
  PerformanceObserver,
} from 'node:perf_hooks';

export const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20);
const span = (values: readonly number[]) =>
  values.length === 0
    ? 'never seen'
    : `${megabytes(Math.min(...values))} to ${megabytes(Math.max(...values))} MB`;

/** A sample each second, and the heap after each full collection, what is new since then included. */
export class Memory {
  readonly #samples: NodeJS.MemoryUsage[] = [];
  readonly #alive: { seconds: number; heap: number }[] = [];
  readonly #started = performance.now();
  readonly #timer = setInterval(() => this.#samples.push(process.memoryUsage()), 1000);
  readonly #observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as PerformanceEntry & { detail: NodeGCPerformanceDetail }).detail;
      if (kind !== constants.NODE_PERFORMANCE_GC_MAJOR) continue;
      const seconds = (performance.now() - this.#started) / 1000;
      this.#alive.push({ seconds, heap: process.memoryUsage().heapUsed });
    }
  });

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#observer.disconnect();
  }

  /** From second `from` on. */
  report(from: number): string {
    const late = this.#samples.slice(from);
    const alive = this.#alive.filter(({ seconds }) => seconds >= from).map(({ heap }) => heap);
    const thirds = [0, 1, 2].map((third) => {
      const part = late.slice((third * late.length) / 3, ((third + 1) * late.length) / 3);
      return megabytes(part.reduce((sum, { rss }) => sum + rss, 0) / part.length);
    });
    return [
      `memory after second ${from}: resident ${span(late.map(({ rss }) => rss))}, means of thirds ${thirds.join(', ')} MB`,
      `  V8's heap with its garbage ${span(late.map(({ heapTotal }) => heapTotal))}, everything else ${span(late.map(({ rss, heapTotal }) => rss - heapTotal))}`,
      `  heap after ${alive.length} full collections: ${span(alive)}`,
    ].join('\n');
  }
}
