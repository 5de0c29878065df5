/** Colours of the terminal, or none of them: NO_COLOR, --no-color and pipes get plain text. */

/** Bits of colour: none, 16 colours, or 16.7 million. */
export type ColorDepth = 1 | 4 | 24;

/** Ways to write a text. All of them leave it as it is at depth 1. */
export interface Paint {
  readonly depth: ColorDepth;
  bold(text: string): string;
  dim(text: string): string;
  struck(text: string): string;
  /** By a probability from 0 (red) over yellow to 1 (green); bold when `strong`. */
  probability(text: string, probability: number, strong?: boolean): string;
}

/** What a probability below each limit looks like, legible on dark and on light. */
export const probabilityScale = [
  { below: 0.2, rgb: [222, 82, 82], basic: 31 },
  { below: 0.4, rgb: [222, 135, 62], basic: 91 },
  { below: 0.6, rgb: [198, 162, 44], basic: 33 },
  { below: 0.8, rgb: [134, 168, 56], basic: 92 },
  { below: Infinity, rgb: [52, 168, 112], basic: 32 },
] as const;

/** The colour a stream shows; `getColorDepth` knows NO_COLOR, FORCE_COLOR, TERM and COLORTERM. */
export function colorDepth(stream: NodeJS.WriteStream, allowed: boolean): ColorDepth {
  if (!allowed || !stream.isTTY || process.env.NO_COLOR) return 1;
  const depth = stream.getColorDepth();
  return depth >= 24 ? 24 : depth >= 4 ? 4 : 1;
}

export function createPaint(depth: ColorDepth): Paint {
  const style = (codes: string) => (text: string) => (depth === 1 ? text : `\x1b[${codes}m${text}\x1b[0m`);
  return {
    depth,
    bold: style('1'),
    dim: style('2'),
    struck: style('2;9'),
    probability(text, probability, strong = false) {
      const { rgb, basic } = probabilityScale.find(({ below }) => probability < below)!;
      const color = depth === 24 ? `38;2;${rgb.join(';')}` : String(basic);
      return style(strong ? `1;${color}` : color)(text);
    },
  };
}
