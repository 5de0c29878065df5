/** Writes small ZIP archives for tests, honest ones and ones whose directory lies. */

import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipMember {
  name: string;
  bytes: Uint8Array;
  /** Claimed uncompressed size, when it should differ from the real one. */
  claimedSize?: number;
}

/** The archive's bytes: local headers with deflated data, central directory, end record. */
export function makeZip(members: readonly ZipMember[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, claimedSize = bytes.length } of members) {
    const data = deflateRawSync(bytes);
    const file = Buffer.from(name);
    // Shared by both headers: version, flags, method, time, date, checksum, sizes, name and extra length.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(claimedSize, 18);
    common.writeUInt16LE(file.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    const entry = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, file, data]);
    local.push(entry);
    central.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, file);
    offset += entry.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}
