/** The number an answer ends in, as GSM8K marks it. */

const mark = '####';
const numberPattern = '-?\\d[\\d,]*(?:\\.\\d+)?';
const afterMark = new RegExp(`^\\s*\\$?\\s*(${numberPattern})`);
const anywhere = new RegExp(numberPattern, 'g');

function parse(text: string): number {
  return Number(text.replaceAll(',', ''));
}

/** The number after the last `####`, without a dollar sign or commas; undefined when there is none. */
export function finalNumber(answer: string): number | undefined {
  const at = answer.lastIndexOf(mark);
  if (at === -1) return undefined;
  const match = afterMark.exec(answer.slice(at + mark.length));
  return match ? parse(match[1]) : undefined;
}

/** The last number anywhere in a text. */
export function lastNumber(answer: string): number | undefined {
  const last = answer.match(anywhere)?.at(-1);
  return last === undefined ? undefined : parse(last);
}
