/** A run as a file: nothing that a model writes becomes a part of the page. */

import { expect, it, vi } from 'vitest';
import { runPage } from '../src/replay/export-run.ts';
import { newRecording } from '../src/replay/recording.ts';

vi.mock('player:built', () => ({ default: {} }));

it('holds texts of any kind, which no parser takes for markup', () => {
  const text = '</script><script>alert(1)</script><!--<script>\u2028&amp;"\\';
  const recording = newRecording({ model: '<b>', prompt: text, method: 'a&b' } as never);
  recording.texts[7] = text;
  const page = runPage(recording, { script: 'let s = "</script>";', style: '' });
  // The recording's end and the player's.
  expect(page.match(/<\/script/gi)).toHaveLength(2);
  expect(page.match(/<script/gi)).toHaveLength(2);
  expect(page).not.toContain('<!--');
  expect(page).toContain('<title>a&amp;b on &lt;b></title>');
  const [, json] = /id="recording">(.*?)<\/script>/s.exec(page)!;
  expect(JSON.parse(json)).toEqual(recording);
});
