import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createBulk, finishBulk } from '../../src/sqlite/bulk.js';
import { openCache } from '../../src/sqlite/open.js';
import { placeWriter, readPosition, writePosition, type CachePosition } from '../../src/sqlite/position.js';
import { readTables, writeTable, type CacheTable } from '../../src/sqlite/tables.js';
import { temporaryFolder } from '../support/folder.js';

const POSITION: CachePosition = {
  position: { clock: 1760000000, sequence: 7 }, crc: 0xfedcba98, lsn: 0xffff_ffff_ffffn, commitTimeUs: 1760000000123456, sourceTimeUs: 1760000003000000, appliedAtUs: 1760000000123999, behindBytes: 0, bytesPerSecond: 0,
  system: '7300000000000000001', timeline: 3, slot: 'fleet', epoch: 2, source: '/var/daystream', snapshot: '742:745:743',
};

test('the position is read as it was written, and moves with each commit', (t) => {
  const path = join(temporaryFolder(t), 'cache.db');
  finishBulk(path, createBulk(path));
  const cache = openCache(path);
  try {
    assert.equal(readPosition(cache), undefined);
    writePosition(cache, POSITION);
    assert.deepEqual(readPosition(cache), POSITION);
    const next = { position: { clock: 1760000001, sequence: 0 }, crc: 1, lsn: 0x1_0000_0000_0000n, commitTimeUs: 1760000001000000, sourceTimeUs: 1760000001000000, timeline: 3, appliedAtUs: 1760000001000001, behindBytes: 7, bytesPerSecond: 70 };
    placeWriter(cache, false)(next);
    assert.deepEqual(readPosition(cache), { ...POSITION, ...next });
    assert.deepEqual(cache.prepare('SELECT count(*) AS n FROM _daystream_position').get(), { n: 1 });
  } finally {
    cache.close();
  }
});

test('a table is read as it was written, followed, waiting or in quarantine', (t) => {
  const path = join(temporaryFolder(t), 'cache.db');
  finishBulk(path, createBulk(path));
  const cache = openCache(path);
  const table: CacheTable = {
    schema: 'sales', name: 'Orders "2"', table: 'sales.Orders "2"', oid: 4294967295, kind: 'leaf', identity: 'index', key: [3, 1], pattern: 'sales.*', choice: { columns: ['é'], where: 'é IS NULL', numeric: 'real' },
    columns: [{ attnum: 1, name: 'a\tb', type: 'numeric(10,2)', notNull: true }, { attnum: 3, name: 'é', type: 'text', notNull: false, as: 'e' }, { attnum: 4, name: 'x', type: 'text', notNull: false, as: null }],
    indexes: [{ name: 'sales.by e', columns: [{ attnum: 3, descending: true }] }], comments: { 0: 'all "of" it', 3: 'é' },
  };
  const { kind, identity, columns, key, pattern, choice, schema, name, oid } = table;
  try {
    writeTable(cache, table);
    assert.deepEqual(readTables(cache), [table]);
    const quarantined = { ...table, quarantine: { reason: 'no key', cure: 'ALTER TABLE …', position: { clock: 5, sequence: 6 } } };
    writeTable(cache, quarantined);
    assert.deepEqual(readTables(cache), [quarantined]);
    const waiting = { ...table, waiting: { reason: 'ALTER TABLE …', position: { clock: 5, sequence: 6 }, copy: { id: '7', snapshot: '3:5:4', next: 2, table: { schema, name, table: 'x', oid, kind, identity, key, columns, pattern, choice } } } };
    writeTable(cache, waiting);
    assert.deepEqual(readTables(cache), [waiting]);
    writeTable(cache, table);
    assert.deepEqual(readTables(cache), [table]);
  } finally {
    cache.close();
  }
});
