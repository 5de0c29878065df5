/**
 * Which problems are for training and which for testing: decided by the prompt's text alone, so that the two can
 * never meet, whatever seeds, levels or versions of a generator they come from.
 */

export type Split = 'train' | 'test';

/** One prompt in this many is kept for testing. */
export const testShare = 8;

/** FNV-1a over UTF-16 units, 32 bits. Its low bits are weak. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** FNV-1a, then the finalizer of MurmurHash3, so that all bits are good. */
export function hashText(text: string): number {
  let hash = fnv1a(text);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The side a prompt is on. */
export function splitOf(prompt: string): Split {
  return hashText(prompt) % testShare === 0 ? 'test' : 'train';
}
