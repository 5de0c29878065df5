/** Learning rates by step, from 1 to the last. */

export type Schedule = (step: number) => number;

/** Linear from 0 over `warmup` steps, then constant. */
export function constantSchedule(rate: number, warmup = 0): Schedule {
  return (step) => rate * Math.min(1, step / Math.max(1, warmup));
}

/** Linear from 0 over `warmup` steps, then a half cosine down to `floor` times the rate at the last step. */
export function cosineSchedule(rate: number, steps: number, warmup: number, floor = 0): Schedule {
  return (step) => {
    if (step <= warmup) return (rate * step) / warmup;
    const done = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return rate * (floor + ((1 - floor) * (1 + Math.cos(Math.PI * done))) / 2);
  };
}
