/**
 * Digests by mail, through a mail server of the user's. An address gets each change once: it is written down as sent as
 * soon as the server has taken the mail, and stays to be sent as long as it has not.
 */

import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { loadCatalogue } from '../papers/catalogue.ts';
import { type News, newsOf } from '../papers/change-text.ts';
import { changeId, loadChanges, nameUrn } from '../papers/changes.ts';
import { withLock } from '../weights/cache-folder-lock.ts';
import { digestMessage, type Message } from './message.ts';
import { Sent, sentFile } from './sent.ts';

export const digestOptions = z.strictObject({
  to: z.array(z.email()).default([]).meta({
    value: 'address',
    description: 'Who is to have the digest; may be given again. Each gets a mail of their own.',
  }),
  from: z
    .email()
    .optional()
    .meta({ value: 'address', description: 'Sender. Without it: the user in QUICKSTEP_SMTP_URL.' }),
  since: z.iso
    .date()
    .optional()
    .meta({ value: 'date', description: 'Leave out what changed before this day (yyyy-mm-dd).' }),
  studio: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ value: 'url', description: 'Address of a studio to link to; without it, papers are linked.' }),
  state: z.string().min(1).optional().meta({
    value: 'file',
    description: 'File that remembers what was sent. Default: digest.json in the state folder of the user.',
  }),
});
export type DigestOptions = z.output<typeof digestOptions>;

/** What became of the digest of one address. */
export interface Delivery {
  to: string;
  changes: number;
  /** Why the mail server did not take it. */
  problem?: string;
}

/** What an address has not been sent. */
function unsent(news: readonly News[], sent: Sent, to: string): News[] {
  return news.filter(({ change }) => !sent.has(to, changeId(change)));
}

async function allNews({ since = '' }: DigestOptions): Promise<News[]> {
  return newsOf(await loadChanges(), await loadCatalogue()).filter(({ change }) => change.date >= since);
}

/** The mails that `sendDigests` would send, by address; those that have everything are left out. */
export async function previewDigests(options: DigestOptions): Promise<(Message & { to: string })[]> {
  const news = await allNews(options);
  const sent = await Sent.open(sentFile(options.state));
  return options.to
    .map((to) => ({ to, news: unsent(news, sent, to) }))
    .filter(({ news }) => news.length > 0)
    .map(({ to, news }) => ({ to, ...digestMessage(news, options.studio) }));
}

/**
 * Sends each address what it has not been sent. A mail that the server does not take is told, and tried again by the next
 * call; the other addresses have theirs.
 * @param smtpUrl `smtps://user:password@host`, `smtp://...`; percent escapes for special characters
 * @throws QuickstepError 'bad-option' for an address of no mail server, or without a sender
 */
export async function sendDigests(
  options: DigestOptions,
  smtpUrl: string,
  signal?: AbortSignal,
): Promise<Delivery[]> {
  const { transport, from } = await mailServer(smtpUrl, options.from);
  const news = await allNews(options);
  const path = sentFile(options.state);
  const deliveries: Delivery[] = [];
  const sendAll = async (): Promise<void> => {
    const sent = await Sent.open(path);
    for (const to of new Set(options.to)) {
      signal?.throwIfAborted();
      const own = unsent(news, sent, to);
      const ids = own.map(({ change }) => changeId(change));
      const delivery: Delivery = { to, changes: own.length };
      deliveries.push(delivery);
      if (own.length === 0) continue;
      try {
        // Should we be killed before it is written down, the second mail has the name of the first.
        const messageId = `<${nameUrn([to, ...ids].join(' ')).slice(9)}@quickstep.invalid>`;
        const headers = { 'Auto-Submitted': 'auto-generated' };
        await transport.sendMail({ from, to, messageId, headers, ...digestMessage(own, options.studio) });
      } catch (error) {
        delivery.problem = (error as Error).message;
        continue;
      }
      await sent.add(to, ids);
    }
  };
  try {
    await withLock(`${path}.lock`, sendAll, { signal });
  } finally {
    transport.close();
  }
  return deliveries;
}

/** A mail server that is slower than this, in milliseconds, is taken for down. */
const patience = 30_000;

const isHere = (host: string): boolean => /^(localhost|127\.[\d.]+|\[::1\])$/.test(host);

async function mailServer(smtpUrl: string, sender: string | undefined) {
  const url = URL.canParse(smtpUrl) ? new URL(smtpUrl) : undefined;
  const escapes = !/%(?![\da-f]{2})/i.test(smtpUrl);
  if (!url || !escapes || !/^smtps?:$/.test(url.protocol) || !url.hostname) {
    const hint =
      'For instance smtps://user:password@mail.example.org, with percent escapes in user and password.';
    throw new QuickstepError('bad-option', 'QUICKSTEP_SMTP_URL is no address of a mail server.', hint);
  }
  const from = sender ?? z.email().safeParse(decodeURIComponent(url.username)).data;
  if (from === undefined) {
    throw new QuickstepError('bad-option', 'The digest has no sender.', 'Give an address with --from.');
  }
  // Nothing else of the program needs it.
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    url: smtpUrl,
    // A password is not sent in the clear, whatever somebody on the way makes of the connection.
    requireTLS: url.password !== '' && !isHere(url.hostname),
    connectionTimeout: patience,
    greetingTimeout: patience,
    socketTimeout: patience,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return { transport, from };
}
