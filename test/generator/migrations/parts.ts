/** Changes of what a partitioned table is made of. */
import { ident, literal } from '../names.js';
import { qualified } from '../table.js';
import { among, list, toTable, type Changes } from './change.js';
import { ANCHOR, leavesOf, PARTS, roots, type Live, type LiveTable } from './catalog.js';
import { bounds, likeIdentity } from './relations.js';

const ROWS = 4;

export const PARTITIONS: Changes = {
  'create partition': toTable(anyPartitioned, (live, table) => {
    const leaf = newLeaf(live);
    return `CREATE TABLE ${leaf} PARTITION OF ${table.sql} ${anyBounds(live)}${likeIdentity(live, table, leaf)}`;
  }),
  'create partition with rows': toTable(anyPartitioned, (live, table) => {
    const leaf = newLeaf(live);
    const part = live.random.below(PARTS);
    return `CREATE TABLE ${leaf} PARTITION OF ${table.sql} ${bounds(part)}${likeIdentity(live, table, leaf)}; ${fill(live, table, table.sql, part)}`;
  }),
  'create partition in two levels': toTable(anyPartitioned, (live, table) => {
    const [middle, ...leaves] = [newLeaf(live), newLeaf(live), newLeaf(live)];
    const by = table.columns.find(({ attnum }) => !table.partitionKey.includes(attnum) && table.indexes.some(({ primary, keys }) => primary && keys.includes(attnum)));
    if (by === undefined) return undefined;
    return [`CREATE TABLE ${middle} PARTITION OF ${table.sql} ${anyBounds(live)} PARTITION BY HASH (${ident(by.name)})`,
      ...leaves.map((leaf, i) => `CREATE TABLE ${leaf} PARTITION OF ${middle} FOR VALUES WITH (MODULUS 2, REMAINDER ${i})`)].join('; ');
  }),
  'attach partition': toTable(anyPartitioned, (live, table) => {
    const leaf = newLeaf(live);
    const part = live.random.below(PARTS);
    const rows = live.random.below(3) === 0 ? '' : `; ${fill(live, table, leaf, part)}`;
    return `CREATE TABLE ${leaf} (LIKE ${table.sql} INCLUDING DEFAULTS INCLUDING GENERATED)${likeIdentity(live, table, leaf)}${rows}; ALTER TABLE ${table.sql} ATTACH PARTITION ${leaf} ${bounds(part)}`;
  }),
  'create table like a partition': toTable(anyPartitioned, (live, table) => {
    const alone = newLeaf(live);
    return `CREATE TABLE ${alone} (LIKE ${table.sql} INCLUDING DEFAULTS INCLUDING GENERATED)${likeIdentity(live, table, alone)}; ${fill(live, table, alone, live.random.below(PARTS))}`;
  }),
  'attach what is there': toTable(anyPartitioned, (live, table) => {
    const like = live.tables.filter(({ parent, kind, name, columns }) => parent === null && kind === 'r' && name !== ANCHOR && list(columns) === list(table.columns));
    const other = among(live.random, like);
    const by = table.columns.find(({ attnum }) => table.partitionKey.includes(attnum));
    if (live.random.below(2) === 0) return other && `ALTER TABLE ${table.sql} ATTACH PARTITION ${other.sql} DEFAULT`;
    return other && by && inOrder(`part integer := (SELECT coalesce(min(${ident(by.name)}), 0) / 10 FROM ${other.sql})`, `${literal(`ALTER TABLE ${table.sql} ATTACH PARTITION ${other.sql} FOR VALUES FROM (`)} || part * 10 || ') TO (' || part * 10 + 10 || ')'`);
  }),
  'detach and attach partition': toTable(anyPart, (live, part) => {
    const root = parentOf(live, part).sql;
    return inOrder(`bounds text := (SELECT pg_catalog.pg_get_expr(relpartbound, oid) FROM pg_catalog.pg_class WHERE oid = ${part.oid})`, literal(`ALTER TABLE ${root} DETACH PARTITION ${part.sql}`), `${literal(`ALTER TABLE ${root} ATTACH PARTITION ${part.sql} `)} || bounds`);
  }),
  'detach partition': toTable(anyPart, (live, part) => `ALTER TABLE ${parentOf(live, part).sql} DETACH PARTITION ${part.sql}`),
  'drop partition': toTable(anyPart, (_, part) => `DROP TABLE ${part.sql}`),
  'truncate partition': toTable(anyPart, (_, part) => `TRUNCATE ${part.sql}`),
  'rename partition': toTable(anyPart, (live, part) => `ALTER TABLE ${part.sql} RENAME TO ${ident(live.names.next('leaf'))}`),
  'move partition': toTable(anyPart, ({ random, schemas }, part) => `ALTER TABLE ${part.sql} SET SCHEMA ${ident(random.pick([...schemas.followed, schemas.beside]))}`),
};

function anyPartitioned(live: Live): LiveTable | undefined {
  return among(live.random, roots(live).filter(({ kind }) => kind === 'p'));
}

function anyPart({ random, tables }: Live): LiveTable | undefined {
  return among(random, tables.filter(({ parent }) => parent !== null));
}

function parentOf({ tables }: Live, { parent }: LiveTable): LiveTable {
  return tables.find(({ oid }) => oid === parent)!;
}

/** Statements whose text is known as they run: expressions that give it. */
function inOrder(variable: string, ...texts: string[]): string {
  return `DO ${literal(`DECLARE ${variable}; BEGIN ${texts.map((text) => `EXECUTE ${text};`).join(' ')} END`)}`;
}

function newLeaf({ random, schemas, names }: Live): string {
  return qualified({ schema: random.pick(schemas.followed), name: names.next('leaf') });
}

function anyBounds({ random }: Live): string {
  return random.below(6) === 0 ? 'DEFAULT' : bounds(random.below(PARTS));
}

/** Rows of one part, new ones or copies of what is there. */
function fill({ random, tables }: Live, table: LiveTable, into: string, part: number): string {
  const by = table.columns.find(({ attnum }) => table.partitionKey.includes(attnum))!;
  const others = table.columns.filter((column) => column !== by && !column.given);
  const [source] = leavesOf(tables, table);
  if (source === undefined || others.length === 0) return `INSERT INTO ${into} (${ident(by.name)}) SELECT ${part * 10} FROM generate_series(1, ${ROWS})`;
  return `INSERT INTO ${into} (${list([by, ...others])}) SELECT ${part * 10}, ${list(others)} FROM ${source.sql} LIMIT ${1 + random.below(ROWS)}`;
}
