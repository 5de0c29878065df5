/** How a failure ends the program: what is printed, and the exit code. */

import { QuickstepError } from '../errors.ts';

export const exitCodes = { success: 0, failure: 1, usage: 2, interrupted: 130 } as const;

/** 2 for a mistake in the command line, 1 for everything else. */
export function exitCodeOf(error: unknown): number {
  return QuickstepError.isInstance(error) && error.code === 'bad-option'
    ? exitCodes.usage
    : exitCodes.failure;
}

/** What to print about an error. Ends with a line break. */
export function describeFailure(error: unknown, debug: boolean): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (!QuickstepError.isInstance(error)) {
    return `quickstep: this should not have happened.\n${stack}\nPlease report it, with the command that led to it.\n`;
  }
  return `quickstep: ${error.message}\n${debug ? `${stack}\n` : ''}`;
}
