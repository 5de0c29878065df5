/** The curve of a run as a picture (SVG): loss and learning rate over steps. */

import type { TrainingStep } from './trainer.ts';

/** Name of the picture in a run's folder. */
export const curveName = 'curve.svg';

export type CurvePoint = Pick<TrainingStep, 'step' | 'loss' | 'learningRate'>;

const width = 760;
const height = 460;
const left = 64;
const right = width - 20;
const lossPanel = { top: 44, bottom: 314 };
const ratePanel = { top: 338, bottom: 412 };
/** Half the window of the smoothed line, as a share of the step: even on a logarithmic axis. */
const smoothing = 0.05;
const leastHalfWindow = 2;

/** An axis from numbers to pixels. */
interface Axis {
  at(value: number): number;
  ticks: readonly number[];
}

const round = (value: number) => Number(value.toPrecision(12));

/** 1, 2, 5, 10, .. within the limits; powers of ten alone when those are enough. */
function logTicks(low: number, high: number): number[] {
  const decades = Math.log10(high / low);
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const digit of decades > 3 ? [1] : [1, 2, 5]) ticks.push(round(digit * 10 ** power));
  return ticks.filter((tick) => tick >= low && tick <= high);
}

/** Three to six round numbers within the limits. */
function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const gap = power * [1, 2, 5, 10].find((digit) => digit * power >= rough)!;
  const ticks: number[] = [];
  for (let n = Math.ceil(low / gap); n * gap <= high; n++) ticks.push(round(n * gap));
  return ticks;
}

function linearAxis([low, high]: readonly [number, number], from: number, to: number): Axis {
  return {
    at: (value) => from + ((value - low) / (high - low)) * (to - from),
    ticks: linearTicks(low, high),
  };
}

function logAxis([low, high]: readonly [number, number], from: number, to: number): Axis {
  const span = Math.log(high / low);
  const ticks = logTicks(low, high);
  return {
    at: (value) => from + (Math.log(value / low) / span) * (to - from),
    // A narrow range may hold none of the round numbers.
    ticks: ticks.length >= 2 ? ticks : linearTicks(low, high),
  };
}

/** Logarithmic where it can be: losses of policy gradients may be negative. */
function lossAxis(losses: readonly number[]): Axis {
  const low = losses.reduce((a, b) => Math.min(a, b), Infinity);
  const high = losses.reduce((a, b) => Math.max(a, b), -Infinity);
  const { bottom, top } = lossPanel;
  if (low > 0) return logAxis([low / 1.05, high * 1.05], bottom, top);
  // Not so narrow that ticks could not be told apart.
  const margin = Math.max((high - low) * 0.05, Math.max(-low, high) * 1e-6) || 1;
  return linearAxis([low - margin, high + margin], bottom, top);
}

/** The mean of each height and its neighbours: on a logarithmic axis the geometric mean of losses. */
function smoothed(heights: readonly number[], points: readonly CurvePoint[]): number[] {
  const sums = [0];
  for (const height of heights) sums.push(sums[sums.length - 1] + height);
  return points.map(({ step }, i) => {
    const half = Math.max(leastHalfWindow, Math.round(smoothing * step));
    const [from, to] = [Math.max(0, i - half), Math.min(points.length, i + half + 1)];
    return (sums[to] - sums[from]) / (to - from);
  });
}

/** A line through points; where several fall on one column of pixels, through their extremes. */
function line(points: readonly (readonly [x: number, y: number])[]): string {
  const columns = new Map<number, (readonly [number, number])[]>();
  for (const point of points) {
    const column = Math.round(point[0]);
    columns.set(column, [...(columns.get(column) ?? []), point]);
  }
  const kept = [...columns.values()].flatMap((column) => {
    if (column.length <= 2) return column;
    const sorted = [...column].sort((a, b) => a[1] - b[1]);
    return [sorted[0], sorted[sorted.length - 1]];
  });
  return kept.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const label = (x: number, y: number, text: string, anchor: 'start' | 'middle' | 'end', style = '') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${style}>${escapeXml(text)}</text>`;

const polyline = (points: string, color: string, thickness: number) =>
  `<polyline points="${points}" fill="none" stroke="${color}" stroke-width="${thickness}" stroke-linejoin="round"/>`;

function rows(axis: Axis): string[] {
  return axis.ticks.flatMap((tick) => {
    const y = axis.at(tick).toFixed(1);
    return [
      `<path d="M${left} ${y}H${right}" stroke="#e3e6ea"/>`,
      label(left - 8, axis.at(tick) + 4, String(tick), 'end'),
    ];
  });
}

function columns(axis: Axis): string[] {
  return axis.ticks.flatMap((tick) => {
    const x = axis.at(tick);
    const lines = [lossPanel, ratePanel].map(
      ({ top, bottom }) => `<path d="M${x.toFixed(1)} ${top}V${bottom}" stroke="#e3e6ea"/>`,
    );
    return [...lines, label(x, ratePanel.bottom + 18, String(tick), 'middle')];
  });
}

/** Loss (each step thin, smoothed thick) and learning rate over steps, on logarithmic axes. */
export function curveSvg(points: readonly CurvePoint[], title: string): string {
  const drawn: string[] = [];
  if (points.length > 0) {
    const x = logAxis([1, Math.max(2, points[points.length - 1].step)], left, right);
    const loss = lossAxis(points.map((point) => point.loss));
    const most = points.reduce((rate, { learningRate }) => Math.max(rate, learningRate), 0);
    // Room above the line for its name.
    const rate = linearAxis([0, 1.4 * most || 1], ratePanel.bottom, ratePanel.top);
    const along = (heights: readonly number[]) =>
      line(points.map(({ step }, i) => [x.at(step), heights[i]] as const));
    const losses = points.map((point) => loss.at(point.loss));
    const rates = points.map((point) => rate.at(point.learningRate));
    drawn.push(
      ...columns(x),
      ...rows(loss),
      ...rows(rate),
      polyline(along(losses), '#9db7d5', 1),
      polyline(along(smoothed(losses, points)), '#1f5fa8', 2),
      polyline(along(rates), '#c2702a', 2),
    );
  }
  const frame = ({ top, bottom }: typeof lossPanel) =>
    `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="none" stroke="#8a929c"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>${escapeXml(title)}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<g font-family="system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif" font-size="12" fill="#39414a">
${drawn.join('\n')}
${frame(lossPanel)}
${frame(ratePanel)}
${label(left, 26, title, 'start', ' font-size="14" font-weight="bold"')}
${label(right - 8, lossPanel.top + 18, 'loss', 'end', ' fill="#1f5fa8"')}
${label(right - 8, ratePanel.top + 18, 'learning rate', 'end', ' fill="#c2702a"')}
${label((left + right) / 2, height - 10, 'step', 'middle')}
</g>
</svg>
`;
}
