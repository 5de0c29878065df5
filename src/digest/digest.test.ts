/** Digests through a real SMTP server on this machine, which at times refuses mails or is not there. */

import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadChanges } from '../papers/changes.ts';
import { type DigestOptions, digestOptions, previewDigests, sendDigests } from './send.ts';

const changes = await loadChanges();
const all = changes.length;

/** A mail server that lets the user me@here.example in, and what it has taken. */
async function postOffice(refused = new Set<string>()) {
  const mails: { to: string; text: string }[] = [];
  const server = new SMTPServer({
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    onAuth({ username, password }, _session, done) {
      if (username === 'me@here.example' && password === 'p@ss/') done(null, { user: username });
      else done(new Error('wrong password'));
    },
    onRcptTo({ address }, _session, done) {
      done(refused.has(address) ? new Error(`nobody is called ${address}`) : null);
    },
    onData(stream, { envelope }, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        mails.push({ to: envelope.rcptTo.map(({ address }) => address).join(), text });
        done();
      });
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  onTestFinished(close);
  return { url: `smtp://me%40here.example:p%40ss%2F@127.0.0.1:${port}`, mails, refused, close };
}

async function optionsFor(to: string[], more: object = {}): Promise<DigestOptions> {
  const folder = await mkdtemp(join(tmpdir(), 'digest-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return digestOptions.parse({ to, state: join(folder, 'deep', 'sent.json'), ...more });
}

const header = (text: string, name: string) => new RegExp(`^${name}: (.*)\r$`, 'm').exec(text)?.[1];
/** The text of a mail, its quoted-printable lines joined. */
const body = (text: string) =>
  text.slice(text.indexOf('\r\n\r\n')).replaceAll('=\r\n', '').replaceAll('=3D', '=');

describe('a digest', () => {
  it('tells each address everything once, in a mail of its own', async () => {
    const { url, mails } = await postOffice();
    const options = await optionsFor(['a@x.example', 'b@x.example'], { studio: 'https://s.example/q' });
    expect(await sendDigests(options, url)).toEqual([
      { to: 'a@x.example', changes: all },
      { to: 'b@x.example', changes: all },
    ]);
    expect(mails.map(({ to }) => to)).toEqual(['a@x.example', 'b@x.example']);
    const [{ text }] = mails;
    expect(header(text, 'From')).toBe('me@here.example');
    expect(header(text, 'To')).toBe('a@x.example');
    expect(header(text, 'Subject')).toBe(`Quickstep: ${all} changes of the catalogue`);
    for (const { slug } of changes) expect(body(text)).toContain(`https://s.example/q/#/papers/${slug}`);
    expect(await sendDigests(options, url)).toEqual([
      { to: 'a@x.example', changes: 0 },
      { to: 'b@x.example', changes: 0 },
    ]);
    expect(mails).toHaveLength(2);
  });

  it('has only what is new since the last one, and since a day', async () => {
    const { url, mails } = await postOffice();
    const options = await optionsFor(['a@x.example']);
    await sendDigests({ ...options, since: '2026-11-25' }, url);
    const late = changes.filter(({ date }) => date >= '2026-11-25').length;
    expect(header(mails[0].text, 'Subject')).toContain(` ${late} changes`);
    await sendDigests(options, url);
    expect(header(mails[1].text, 'Subject')).toContain(` ${all - late} changes`);
  });

  it('is shown beforehand, as it would be sent, and not marked as sent', async () => {
    const options = await optionsFor(['a@x.example']);
    const [mail] = await previewDigests(options);
    expect(mail).toMatchObject({ to: 'a@x.example', subject: expect.stringContaining(`${all} changes`) });
    expect(mail.text).toContain('https://arxiv.org/abs/2401.10774');
    expect(await previewDigests(options)).toEqual([mail]);
  });
});

describe('nothing is lost, and nothing sent twice', () => {
  it('when the server is down', async () => {
    const down = await postOffice();
    await down.close();
    const options = await optionsFor(['a@x.example']);
    const [{ problem }] = await sendDigests(options, down.url);
    expect(problem).toContain('ECONNREFUSED');
    const up = await postOffice();
    expect(await sendDigests(options, up.url)).toEqual([{ to: 'a@x.example', changes: all }]);
  });

  it('when it refuses one of the addresses', async () => {
    const { url, mails, refused } = await postOffice(new Set(['a@x.example']));
    const options = await optionsFor(['a@x.example', 'b@x.example']);
    const [a, b] = await sendDigests(options, url);
    expect(a.problem).toContain('nobody is called a@x.example');
    expect(b.problem).toBeUndefined();
    refused.clear();
    await sendDigests(options, url);
    expect(mails.map(({ to }) => to)).toEqual(['b@x.example', 'a@x.example']);
  });

  it('when it knows another password', async () => {
    const { url, mails } = await postOffice();
    const options = await optionsFor(['a@x.example']);
    const [{ problem }] = await sendDigests(options, url.replace('p%40ss', 'guess'));
    expect(problem).toContain('wrong password');
    expect(mails).toEqual([]);
    expect(await previewDigests(options)).toHaveLength(1);
  });

  it('when two programs send at once', async () => {
    const { url, mails } = await postOffice();
    const options = await optionsFor(['a@x.example']);
    await Promise.all([sendDigests(options, url), sendDigests(options, url)]);
    expect(mails).toHaveLength(1);
  });

  it('when killed between the mail and its mark: both mails have one name, by which mailboxes know them', async () => {
    const { url, mails } = await postOffice();
    const options = await optionsFor(['a@x.example']);
    await sendDigests(options, url);
    await rm(options.state!);
    await sendDigests(options, url);
    const [first, second] = mails.map(({ text }) => header(text, 'Message-ID'));
    expect(first).toMatch(/^<[\da-f-]{36}@quickstep\.invalid>$/);
    expect(second).toBe(first);
  });

  it('when the mark is damaged: it is left for its owner to look at', async () => {
    const { url, mails } = await postOffice();
    const options = await optionsFor(['a@x.example']);
    await sendDigests(options, url);
    await writeFile(options.state!, '{"a@x.example": ');
    await expect(sendDigests(options, url)).rejects.toMatchObject({ code: 'bad-file' });
    expect(await readFile(options.state!, 'utf8')).toBe('{"a@x.example": ');
    expect(mails).toHaveLength(1);
  });
});

describe('settings', () => {
  it.each([
    ['no address', 'mail.example.org', 'no address of a mail server'],
    ['another protocol', 'https://mail.example.org', 'no address of a mail server'],
    ['broken escapes', 'smtp://me%zz@mail.example.org', 'no address of a mail server'],
    ['nobody to send from', 'smtp://user:password@mail.example.org', 'no sender'],
  ])('%s is refused', async (_case, url, message) => {
    await expect(sendDigests(await optionsFor(['a@x.example']), url)).rejects.toMatchObject({
      code: 'bad-option',
      message: expect.stringContaining(message),
    });
  });

  it('no header is slipped into an address', () => {
    for (const to of ['a@x.example\r\nBcc: b@x.example', 'a@x.example, b@x.example', 'a']) {
      expect(digestOptions.safeParse({ to: [to] }).success).toBe(false);
    }
  });
});
