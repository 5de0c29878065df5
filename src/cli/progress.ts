/**
 * Progress in the terminal. On a TTY one line is redrawn: bar, percentage, amounts, rate, remaining time. Elsewhere
 * (logs, CI) a plain line appears about every 10 %, or every 10 s while the total is unknown. Quiet prints
 * nothing, so that `--json` output stays clean.
 */

export interface ProgressOptions {
  /** Print nothing (`--json`, `--quiet`). */
  quiet?: boolean;
  /** What is counted: `bytes` are shown as kB, MB and GB, anything else as a plain number with this unit. */
  unit?: string;
  /** Take the line away at the end; for work too short to leave a trace. */
  transient?: boolean;
  /** Clock in milliseconds; for tests. */
  now?: () => number;
}

export interface Progress {
  /** Reports the amount so far, the whole if known, and a short note such as the current file. */
  update(loaded: number, total?: number, note?: string): void;
  /** Ends the line. Further calls do nothing. */
  done(): void;
}

const redrawMs = 100;
const silenceMs = 10_000;
const maxBar = 24;
const minBar = 6;

/** Bytes in decimal units, three significant digits: `98.4 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let power = 0;
  let value = bytes;
  while (value >= 999.5 && power < units.length - 1) {
    value /= 1000;
    power++;
  }
  const digits = power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[power]}`;
}

/** Seconds as `42s`, `3m 05s` or `2h 10m`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${pad(Math.floor((whole % 3600) / 60))}m`;
}

/** Units per second, averaged over about the last five seconds. */
function rateMeter(now: () => number): (loaded: number) => number | undefined {
  const windowMs = 5_000;
  let samples: { at: number; loaded: number }[] = [];
  return (loaded) => {
    const at = now();
    // A new file or a restart counts from there.
    if (samples.length > 0 && loaded < samples[samples.length - 1].loaded) samples = [];
    samples.push({ at, loaded });
    while (samples.length > 2 && at - samples[1].at > windowMs) samples.shift();
    const first = samples[0];
    return at - first.at < 200 ? undefined : ((loaded - first.loaded) * 1000) / (at - first.at);
  };
}

/**
 * A progress display on `stream` (usually stderr).
 * @param label what is going on, for instance the model's id.
 */
export function createProgress(
  stream: NodeJS.WriteStream,
  label: string,
  { quiet = false, unit = 'bytes', transient = false, now = Date.now }: ProgressOptions = {},
): Progress {
  const amount = (value: number): string =>
    unit === 'bytes' ? formatBytes(value) : `${Math.round(value)} ${unit}`;
  // Steps may take seconds each: 0.42 of them a second are not 0.
  const perSecond = (rate: number): string =>
    unit === 'bytes' || rate >= 10 ? `${amount(rate)}/s` : `${Number(rate.toPrecision(2))} ${unit}/s`;
  const rateOf = rateMeter(now);
  let finished = quiet;
  let drawnAt = -Infinity;
  let drawn = false;
  let nextPercent = 0;
  let pending: string | undefined;

  const describe = (loaded: number, total: number | undefined, note: string | undefined): string => {
    const rate = rateOf(loaded);
    const before = unit === 'bytes' ? amount(loaded) : String(Math.round(loaded));
    const parts = [total === undefined ? amount(loaded) : `${before} of ${amount(total)}`];
    if (rate !== undefined) parts.push(perSecond(rate));
    if (rate && total !== undefined && loaded < total) {
      parts.push(`${formatDuration((total - loaded) / rate)} left`);
    }
    if (note) parts.push(note);
    return parts.join(', ');
  };

  // One column stays free everywhere: a full line would wrap and could not be redrawn.
  const columns = (): number => Math.max(1, (stream.columns || 80) - 1);

  /** The bar with a space behind it, as wide as the rest of the line leaves room for, or nothing. */
  const bar = (share: number, text: string): string => {
    const width = Math.min(maxBar, columns() - label.length - text.length - '  [] 100% '.length);
    const filled = Math.round(share * width);
    return width < minBar ? '' : `[${'='.repeat(filled)}${' '.repeat(width - filled)}] `;
  };

  const draw = (line: string): void => {
    const shown = [...line].slice(0, columns()).join('');
    stream.write(`\r${shown}\x1b[K`);
    drawn = true;
    pending = undefined;
  };

  return {
    update(loaded, total, note) {
      if (finished) return;
      const share = total ? Math.min(1, loaded / total) : undefined;
      const percent = share === undefined ? undefined : Math.floor(share * 100);
      const text = describe(loaded, total, note);
      const elapsed = now() - drawnAt;
      if (stream.isTTY) {
        pending =
          share === undefined ? `${label} ${text}` : `${label} ${bar(share, text)}${percent}% ${text}`;
        if (elapsed < redrawMs) return;
        drawnAt = now();
        draw(pending);
      } else if (percent === undefined ? elapsed >= silenceMs : percent >= nextPercent) {
        drawnAt = now();
        if (percent !== undefined) nextPercent = Math.floor(percent / 10) * 10 + 10;
        stream.write(`${label}: ${percent === undefined ? '' : `${percent}%, `}${text}\n`);
      }
    },
    done() {
      if (finished) return;
      finished = true;
      if (transient) {
        if (drawn) stream.write('\r\x1b[K');
        return;
      }
      if (pending !== undefined) draw(pending);
      if (drawn) stream.write('\n');
    },
  };
}
