/** The open line: whose log a segment is of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeLine } from '../../src/daystream/codec.js';
import { decodeHeader, encodeHeader } from '../../src/daystream/segment.js';
import { Writer } from '../../src/daystream/writer.js';
import { temporaryFolder } from '../support/folder.js';
import { IDENTITY, openWriter } from '../support/log.js';

const PLACE = { epoch: 1, lsn: 0x1500000n, previous: { clock: 0, sequence: 0 }, previousCrc: 0 };

function read(text: string): ReturnType<typeof decodeHeader> {
  return decodeHeader(decodeLine(`_c\t1760000000\t_s\t0\t${text}`));
}

test('plugin and publication stand in the open line, and come back', () => {
  for (const source of [{ plugin: 'deltastream' }, { plugin: 'pgoutput', publication: 'odd\tname' }]) {
    const header = read(encodeHeader({ ...IDENTITY, ...source, ...PLACE }));
    assert.deepEqual([header.plugin, header.publication], [source.plugin, source.publication]);
  }
});

test('a log from before the plugin was stated is of our plugin', () => {
  const header = read(encodeHeader({ ...IDENTITY, ...PLACE }).replace('\t_plugin\tdeltastream', ''));
  assert.deepEqual([header.plugin, header.publication], ['deltastream', undefined]);
});

test('a log does not go on with another plugin than it began with', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  writer.horizon(0x1000n, 1n, undefined);
  writer.close();
  const other = { ...IDENTITY, plugin: 'pgoutput', publication: 'test' };
  await assert.rejects(Writer.open(folder, other, 0x1000n), { code: 'log-foreign', message: /holds the log of plugin deltastream, not of plugin pgoutput: the slot was made anew/ });
  (await Writer.open(folder, IDENTITY, 0x1000n)).close();
});
