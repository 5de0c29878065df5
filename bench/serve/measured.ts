/** Tokens of some work, its time, and the processor time of this process in microseconds. */
export interface Measured {
  readonly tokens: number;
  readonly seconds: number;
  readonly cpu: number;
}

/** @param work Returns how many tokens it made. */
export async function measured(work: () => Promise<number>): Promise<Measured> {
  const started = performance.now();
  const before = process.cpuUsage();
  const tokens = await work();
  const { user, system } = process.cpuUsage(before);
  return { tokens, seconds: (performance.now() - started) / 1000, cpu: user + system };
}
