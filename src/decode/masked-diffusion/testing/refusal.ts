/** Errors that a run ends with before it begins. Test support. */

import { QuickstepError } from '../../../errors.ts';

/** The typed error that `start` fails with. */
export async function refusalOf(start: () => Promise<unknown>): Promise<QuickstepError> {
  try {
    await start();
  } catch (error) {
    if (QuickstepError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
