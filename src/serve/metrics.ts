/** Counters in the text format of Prometheus (exposition format 0.0.4). */

type Labels = Readonly<Record<string, string>>;

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

const labelText = (labels: Labels): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
};

/** A metric as its lines, without the help. */
interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  lines(name: string): string[];
}

/** Adds up by labels. */
export class Counter implements Metric {
  readonly type = 'counter';
  readonly #values = new Map<string, number>();

  add(labels: Labels, amount = 1): void {
    const key = labelText(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount);
  }

  lines(name: string): string[] {
    return [...this.#values].map(([labels, value]) => `${name}${labels} ${value}`);
  }
}

/** Read when it is asked for. */
export class Gauge implements Metric {
  readonly type = 'gauge';
  readonly #read: () => readonly (readonly [Labels, number])[];

  constructor(read: () => readonly (readonly [Labels, number])[]) {
    this.#read = read;
  }

  lines(name: string): string[] {
    return this.#read().map(([labels, value]) => `${name}${labelText(labels)} ${value}`);
  }
}

/** Counts of values up to each bound. */
export class Histogram implements Metric {
  readonly type = 'histogram';
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count++;
    for (const [i, bound] of this.#bounds.entries()) if (value <= bound) this.#counts[i]++;
  }

  lines(name: string): string[] {
    return [
      ...this.#bounds.map((bound, i) => `${name}_bucket{le="${bound}"} ${this.#counts[i]}`),
      `${name}_bucket{le="+Inf"} ${this.#count}`,
      `${name}_sum ${this.#sum}`,
      `${name}_count ${this.#count}`,
    ];
  }
}

/** Everything that `/metrics` tells, by name. */
export function metricsText(metrics: Readonly<Record<string, { help: string; metric: Metric }>>): string {
  return Object.entries(metrics)
    .map(([name, { help, metric }]) =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${metric.type}`, ...metric.lines(name), ''].join('\n'),
    )
    .join('');
}
