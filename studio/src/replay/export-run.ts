/** A run as one HTML file that needs nothing else. */

import type { Recording } from './recording.ts';

/** JSON that no HTML parser reads as markup. */
const embed = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');
const escapeText = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export function runPage(recording: Recording, player: { script: string; style: string }): string {
  const { method, model } = recording.request;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>${escapeText(`${method} on ${model}`)}</title>
<style>${player.style}</style>
</head>
<body>
<div id="app"></div>
<script type="application/json" id="recording">${embed(recording)}</script>
<script>${player.script.replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`;
}

/** Lets the browser save the run. */
export async function saveRun(recording: Recording): Promise<void> {
  const { default: player } = await import('player:built');
  const url = URL.createObjectURL(new Blob([runPage(recording, player)], { type: 'text/html' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `quickstep-${recording.request.method}.html`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
