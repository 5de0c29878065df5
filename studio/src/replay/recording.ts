/** A run as it was recorded: what the pages draw, and what an export carries. */

import type { Step } from '../../../src/decode/step.ts';
import type { RunEvent, RunRequest, Summary } from '../engine/engine.ts';

export interface Recording {
  request: RunRequest;
  /** Where it ran, for people. */
  place: string;
  steps: Step[];
  /** Texts of all tokens in the steps. */
  texts: Record<number, string>;
  summary?: Summary;
}

export const newRecording = (request: RunRequest): Recording => ({
  request,
  place: '',
  steps: [],
  texts: {},
});

/** Takes an event in; true when it changed what is to be seen. */
export function record(recording: Recording, event: RunEvent): boolean {
  if (event.type === 'start') recording.place = event.place;
  else if (event.type === 'done') recording.summary = event.summary;
  else if (event.type === 'step') {
    recording.steps.push(event.step);
    for (const [token, text] of event.texts) recording.texts[token] = text;
  } else return false;
  return true;
}
