/**
 * What is timed: wall time, or the processor time of the engine's process. The latter says little about threads, which
 * burn it while they wait, but with one thread it compares engines on a machine that others use too.
 */

export const clocks = ['wall', 'cpu'] as const;
export type Clock = (typeof clocks)[number];

/** Starts a clock; the result reads the milliseconds since. */
export function stopwatch(clock: Clock): () => number {
  if (clock === 'wall') {
    const started = performance.now();
    return () => performance.now() - started;
  }
  const started = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1000;
  };
}
