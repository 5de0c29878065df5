/** Ctrl-C: the first one asks the command to stop, the second one does not wait for it. */

import { exitCodes } from './failure.ts';

/** A signal that aborts at the first SIGINT; the second one ends the process. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  process.on('SIGINT', () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort();
  });
  return controller.signal;
}
