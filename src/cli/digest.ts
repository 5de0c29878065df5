/** `quickstep digest`: what has changed in the catalogue, by mail. */

import { z } from 'zod';
import { digestOptions, previewDigests, sendDigests } from '../digest/send.ts';
import { QuickstepError } from '../errors.ts';
import type { ParsedArgs } from './args.ts';
import { type Command, commonGroup, commonOptions, printJson, printLines } from './command.ts';

const previewOptions = z.strictObject({
  preview: z.boolean().default(false).describe('Print the mails instead of sending them.'),
});

export const digestCommand: Command = {
  name: 'digest',
  usage: 'digest --to <address> [options]',
  title: 'mail what is new in the catalogue',
  summary:
    'Sends each address the changes of the catalogue that it has not been sent, as one mail, or nothing when there are none; run it daily. QUICKSTEP_SMTP_URL in the environment is your mail server, such as smtps://user:password@mail.example.org. Exit code 1 when a mail was not taken; the next run tries again.',
  examples: [
    'digest --to you@example.org --preview',
    'digest --to you@example.org --studio https://studio.example.org',
    'digest --to a@example.org --to b@example.org --since 2026-11-01',
  ],
  groups: () => [{ title: 'Options', schema: digestOptions.extend(previewOptions.shape) }, commonGroup],
  run: runDigest,
};

async function runDigest(args: ParsedArgs, signal: AbortSignal): Promise<void> {
  const options = args.values(digestOptions);
  const { json } = args.values(commonOptions);
  if (options.to.length === 0) {
    const hint = 'For instance: quickstep digest --to you@example.org --preview.';
    throw new QuickstepError('bad-option', 'Nobody is to have the digest.', hint);
  }
  if (args.values(previewOptions).preview) {
    const mails = await previewDigests(options);
    if (json) printJson(mails);
    else printLines(mails.flatMap(({ to, subject, text }) => [`To: ${to}`, `Subject: ${subject}`, '', text]));
    return;
  }
  const smtpUrl = process.env.QUICKSTEP_SMTP_URL;
  if (!smtpUrl) {
    const hint = 'Set QUICKSTEP_SMTP_URL, such as smtps://user:password@mail.example.org, or use --preview.';
    throw new QuickstepError('bad-option', 'There is no mail server to send with.', hint);
  }
  const deliveries = await sendDigests(options, smtpUrl, signal);
  if (json) printJson(deliveries);
  else
    printLines(
      deliveries.map(
        ({ to, changes, problem }) => `${to}: ${problem ? 'not sent' : changes || 'nothing new'}`,
      ),
    );
  const failed = deliveries.flatMap(({ to, problem }) => (problem ? [`${to}: ${problem}`] : []));
  if (failed.length === 0) return;
  const hint = 'They are kept to be sent: run the command again.';
  throw new QuickstepError(
    'offline',
    `The mail server did not take ${failed.length} of the mails. ${failed.join(' ')}`,
    hint,
  );
}
