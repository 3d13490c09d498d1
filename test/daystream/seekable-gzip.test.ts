/** Seekable gzip: its plain bytes from anywhere, and nothing else whatever became of the file. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { DeltaError } from '../../src/errors.js';
import { END_BYTES, MEMBER_BYTES } from '../../src/daystream/seekable-gzip.js';
import { openSeekable, seekable } from '../support/compressed.js';
import { Random } from '../support/random.js';

function randomBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = random.below(random.pick([4, 256]));
  return bytes;
}

for (const length of [0, 1, MEMBER_BYTES - 1, MEMBER_BYTES, MEMBER_BYTES + 1, 5 * MEMBER_BYTES + 12345]) {
  test(`${length} bytes: zcat and gunzip give them, and so does a read from anywhere`, async (t) => {
    const random = new Random();
    t.diagnostic(`SEED=${random.seed}`);
    const plain = randomBytes(random, length);
    const file = await seekable(plain);
    assert.ok(gunzipSync(file).equals(plain));
    assert.ok(execFileSync('gzip', ['-dc'], { input: file, maxBuffer: 64 << 20 }).equals(plain));
    const reader = await openSeekable(file);
    assert.equal(reader.plainBytes, length);
    assert.equal(reader.head, undefined);
    for (let i = 0; i < 100; i++) {
      const offset = random.below(length + 10);
      const into = Buffer.alloc(random.below(random.pick([10, 3 * MEMBER_BYTES])));
      const read = await reader.read(offset, into);
      assert.ok(into.subarray(0, read).equals(plain.subarray(offset, offset + into.length)), `${into.length} bytes from ${offset}`);
    }
  });
}

test('a head comes back as it was given, also one that no single member holds, and unpacking does not show it', async () => {
  for (const head of [Buffer.from('{"tables":["ä"]}'), Buffer.alloc(200_000, 'head')]) {
    const file = await seekable(Buffer.from('plain'), { head });
    assert.ok((await openSeekable(file)).head?.equals(head));
    assert.equal(gunzipSync(file).toString(), 'plain');
  }
});

test('a file that is cut off anywhere is not taken for whole', async () => {
  const file = await seekable(Buffer.from('some bytes of a segment'), { head: Buffer.from('head') });
  for (let length = 0; length < file.length; length++) {
    await assert.rejects(openSeekable(file.subarray(0, length)), { code: 'log-damaged', message: /is cut off/ }, `${length} of ${file.length} bytes`);
  }
});

test('a flipped byte anywhere gives the same bytes or an error, never others', async () => {
  const plain = Buffer.from('the bytes of a segment, '.repeat(20));
  const file = await seekable(plain, { head: Buffer.from('the head') });
  for (let at = 0; at < file.length; at++) {
    for (const flip of [1, 128, 255]) {
      const damaged = Buffer.from(file);
      damaged[at] ^= flip;
      try {
        const reader = await openSeekable(damaged);
        const into = Buffer.alloc(plain.length + 100);
        assert.equal(await reader.read(0, into), plain.length);
        assert.ok(into.subarray(0, plain.length).equals(plain));
        assert.equal(reader.head?.toString(), 'the head');
      } catch (error) {
        assert.ok(error instanceof DeltaError && error.code === 'log-damaged', `byte ${at}: ${error}`);
      }
    }
  }
});

test('another gzip file, or an end that claims more than is there, is refused before memory is taken for it', async () => {
  await assert.rejects(openSeekable(gzipSync(Buffer.alloc(1000))), { code: 'log-damaged' });
  const small = await seekable(Buffer.from('small'));
  const large = await seekable(Buffer.alloc(3 * MEMBER_BYTES));
  await assert.rejects(openSeekable(Buffer.concat([small.subarray(0, -END_BYTES), large.subarray(-END_BYTES)])), { code: 'log-damaged' });
});
