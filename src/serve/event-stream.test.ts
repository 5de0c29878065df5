/** Events over a real connection: whole and in order, at once for one reader, a few together among many. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { EventStream, WritePace } from './event-stream.ts';

/** Lets a server send events; what its client got, in the pieces and at the times it came. */
async function received(pace: WritePace, send: (stream: EventStream) => Promise<void>) {
  const server = createServer(async (_, res) => {
    const stream = new EventStream(res, {}, 30, pace);
    await send(stream);
    stream.end();
  });
  server.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const started = performance.now();
  const { body } = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const pieces: { text: string; after: number }[] = [];
  for await (const bytes of body!) {
    pieces.push({ text: Buffer.from(bytes).toString(), after: performance.now() - started });
  }
  return pieces;
}

const events = Array.from({ length: 20 }, (_, i) => `event ${i}`);
const whole = events.map((event) => `data: ${event}\n\n`).join('');
const sendSlowly = async (stream: EventStream) => {
  for (const event of events) {
    await stream.send(event);
    await sleep(10);
  }
};

it('alone, each event is sent when it comes', async () => {
  const pieces = await received(new WritePace(), sendSlowly);
  expect(pieces.map(({ text }) => text).join('')).toBe(whole);
  expect(pieces.length).toBeGreaterThan(events.length / 2);
});

it('among many, events are sent together, the first at once and the last with the end', async () => {
  const pace = new WritePace();
  pace.open = 500;
  const pieces = await received(pace, sendSlowly);
  expect(pieces.map(({ text }) => text)).toEqual([
    'data: event 0\n\n',
    whole.slice('data: event 0\n\n'.length),
  ]);
  expect(pace.open).toBe(500);
});

it('an event that is made when it is written tells what has come until then', async () => {
  const pace = new WritePace();
  pace.open = 500;
  let heard: string[] = [];
  const take = () => heard.splice(0).join('+');
  const pieces = await received(pace, async (stream) => {
    for (const event of events) {
      heard = [...heard, event];
      if (heard.length === 1) await stream.send(take, 'late');
      await sleep(10);
    }
  });
  expect(pieces.map(({ text }) => text)).toEqual([
    'event: late\ndata: event 0\n\n',
    `event: late\ndata: ${events.slice(1).join('+')}\n\n`,
  ]);
});

it('much is not held back', async () => {
  const pace = new WritePace();
  pace.open = 500_000;
  const long = 'x'.repeat(40_000);
  const pieces = await received(pace, async (stream) => {
    for (const text of [long, long, 'end']) await stream.send(text);
  });
  expect(pieces.map(({ text }) => text).join('')).toBe(`data: ${long}\n\ndata: ${long}\n\ndata: end\n\n`);
});

it('leaves a slow reader its time, and cuts it off after it', async () => {
  let sent: Promise<boolean> | undefined;
  const events = createServer((_, res) => {
    const stream = new EventStream(res, {}, 0.3, new WritePace());
    sent = (async () => {
      for (let i = 0; i < 64; i++) await stream.send('x'.repeat(2 ** 20));
      return res.destroyed;
    })();
  });
  events.listen(0, '127.0.0.1');
  await once(events, 'listening');
  const deaf = connect((events.address() as AddressInfo).port, '127.0.0.1');
  deaf.pause();
  deaf.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(events, 'request');
  expect(await sent).toBe(true);
  deaf.destroy();
  events.close();
});

it('leaves no timer behind when it ends after its reader has gone', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  let ended: Promise<void> | undefined;
  const events = createServer((_, res) => {
    ended = once(res, 'close').then(() => new EventStream(res, {}, 30, new WritePace()).end());
  });
  events.listen(0, '127.0.0.1');
  await once(events, 'listening');
  const client = connect((events.address() as AddressInfo).port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(events, 'request');
  const before = timers();
  client.destroy();
  await ended;
  expect(timers()).toBeLessThanOrEqual(before);
  events.close();
});
