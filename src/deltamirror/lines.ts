/** The lines of a unit, each given to what its table and action ask for. */
import { unknownAction } from '../daystream/change.js';
import { decodeLine, type Line } from '../daystream/codec.js';
import { decodeRelation, PUBLIC, type Relation } from '../daystream/relation.js';
import { text } from '../daystream/segment.js';
import { DeltaError } from '../errors.js';
import { NATIVE_BLOCK_BYTES } from '../sqlite/native-lines.js';
import { TableFault } from './fault.js';
import type { Followed } from './followed.js';
import { headOf, LINE_LIMIT_BYTES, tooLong } from './limits.js';
import type { Migrations } from './migrations.js';
import { tableOf, type Plans } from './plans.js';
import type { Entry } from './registry.js';
import type { Scope } from './scope.js';
import type { TableWriter } from './table.js';

/** How the columns behind one and the same `_table … _action` are applied. */
type RowAction = (lines: string, start: number, end: number) => void;

const ROW_ACTIONS = ['insert', 'update', 'replace', 'delete'] as const;
type RowActionName = (typeof ROW_ACTIONS)[number];

const TAB = 9;
const LF = 10;
/** Lines that TypeScript does where the native engine has come to none since it was asked last: twice as many each time. */
const MANY_LINES = 32;
const skipRow: RowAction = () => {};
/** What a kept line lacks to be one of the log. */
export const NO_POSITION = '_c\t0\t_s\t0\t';

export interface Layout {
  /** What each line begins with, up to its sequence; in the original format up to its clock. */
  readonly prefix: string;
  /** True where each line has a clock of its own. */
  readonly original: boolean;
  /** Of the unit, for messages. */
  readonly place: string;
}

export class Lines {
  readonly #followed: Followed;
  readonly #migrations: Migrations;
  readonly #leaveOut: (error: unknown, scope: Scope) => void;
  readonly #plans: Plans | undefined;
  /** Where the engine may be told of what TypeScript does. */
  #learning: Plans | undefined;
  /** `_table … _action x` of the line before, and what is done with its rows. */
  #head = '';
  #action: RowAction = skipRow;

  /** `leaveOut` takes what went wrong with a line; it goes on without the table where that helps, and else throws. */
  constructor(followed: Followed, migrations: Migrations, plans: Plans | undefined, leaveOut: (error: unknown, scope: Scope) => void) {
    this.#followed = followed;
    this.#migrations = migrations;
    this.#plans = plans;
    this.#leaveOut = leaveOut;
  }

  /** Before a unit's lines: nothing is known of the line before. */
  begin(): void {
    this.#head = '';
    this.#learning = undefined;
    this.#plans?.begin();
  }

  /** Applies a block of whole lines; gives their number. */
  apply(block: Buffer, layout: Layout, scope: Scope): number {
    if (block.length > LINE_LIMIT_BYTES) return this.#refuse(block, scope);
    const plans = layout.original || block.length > NATIVE_BLOCK_BYTES ? undefined : this.#plans;
    this.#learning = plans;
    return plans === undefined ? this.applyText(block.toString('utf8'), layout, scope) : this.#applyBoth(plans, block, layout, scope);
  }

  /** A line that is too long for a string stands in a block of its own. */
  #refuse(line: Buffer, scope: Scope): number {
    const { own } = headOf(line);
    const entry = this.#followed.entry(own.get('_schema') ?? PUBLIC, own.get('_table') ?? '', scope);
    if (entry !== undefined) this.#leaveOut(tooLong(entry.table, line.length), scope);
    return 1;
  }

  /** The native engine as far as it comes, TypeScript the line at which it stopped, and again. */
  #applyBoth(plans: Plans, block: Buffer, layout: Layout, scope: Scope): number {
    const prefix = Buffer.from(layout.prefix);
    let count = 0;
    for (let at = 0, turn = 1; at < block.length; turn = Math.min(turn * 2, MANY_LINES)) {
      if (plans.areReady()) {
        const done = plans.native.rows(block, at, prefix);
        at += done.bytes;
        count += done.lines;
        if (done.lines > 0) turn = 1;
      }
      const end = behindLines(block, at, turn);
      count += this.applyText(block.toString('utf8', at, end), layout, scope);
      at = end;
    }
    return count;
  }

  /** The same by TypeScript alone. Its hot loop. */
  applyText(lines: string, { prefix, original, place }: Layout, scope: Scope): number {
    let count = 0;
    for (let at = 0; at < lines.length; count++) {
      let end = lines.indexOf('\n', at);
      if (end === -1) end = lines.length;
      if (!lines.startsWith(prefix, at)) throw new DeltaError('log-damaged', `${place}: a line has another clock than its transaction`);
      let start = lines.indexOf('\t', at + prefix.length) + 1;
      if (original) start = lines.indexOf('\t', start + '_s\t'.length) + 1;
      const headEnd = start + this.#head.length;
      try {
        if (this.#head !== '' && lines.startsWith(this.#head, start) && lines.charCodeAt(headEnd) === TAB) this.#action(lines, headEnd + 1, end);
        else this.#other(lines, at, start, end, scope);
      } catch (error) {
        this.#head = '';
        this.#leaveOut(error, scope);
      }
      at = end + 1;
    }
    return count;
  }

  /** A line that is not like the one before. */
  #other(lines: string, at: number, start: number, end: number, scope: Scope): void {
    const { action, headEnd } = readHead(lines, start, end);
    const isRow = isRowAction(action);
    if (action === 'message' || (scope.rowsOnly === true && !isRow)) return;
    const line = decodeLine(lines.slice(at, isRow ? headEnd : end));
    const entry = this.#followed.entry(line.own.get('_schema') ?? PUBLIC, text(line, '_table'), scope);
    if (isRow) {
      this.#head = lines.slice(start, headEnd);
      this.#action = this.#rowAction(entry, action);
      this.#action(lines, headEnd + 1, end);
      return;
    }
    if (action === 'truncate') {
      const keep = this.#followed.keeper(entry);
      if (keep !== undefined) keep(lines.slice(start, end));
      else this.#followed.writer(entry)?.truncate();
      return;
    }
    this.#head = '';
    if (action === 'quarantine') return this.#quarantine(entry, text(line, '_reason'), text(line, '_cure'), lines.slice(start, end));
    this.#change(action, line, lines.slice(start, end), scope);
  }

  #rowAction(entry: Entry | undefined, action: RowActionName): RowAction {
    const keep = this.#followed.keeper(entry);
    const head = this.#head;
    return keep === undefined ? this.#applied(this.#followed.writer(entry), action) : (lines, start, end) => keep(`${head}\t${lines.slice(start, end)}`);
  }

  /** The writer's action; what it does the native engine may do from then on. */
  #applied(writer: TableWriter | undefined, action: RowActionName): RowAction {
    const apply = rowAction(writer, action);
    const plans = this.#learning;
    const table = tableOf(this.#head);
    if (plans === undefined || table === '') return apply;
    if (writer === undefined) return () => { plans.skip(table); };
    return (lines, start, end) => {
      apply(lines, start, end);
      if (action === 'replace') plans.awaitUpdate(writer);
      else plans.learn(table, writer, action);
    };
  }

  #quarantine(entry: Entry | undefined, reason: string, cure: string, line: string): void {
    const keep = this.#followed.keeper(entry);
    if (keep !== undefined) keep(line);
    else if (entry !== undefined && entry.table.waiting === undefined) throw new TableFault(entry.table, reason, cure);
  }

  /** What a table is changes. It is told by its oid, whatever its name. */
  #change(action: string, line: Line, raw: string, scope: Scope): void {
    const oid = scope.oid ?? Number(text(line, '_oid'));
    const keep = this.#followed.keeper(this.#followed.known(oid, scope));
    switch (action) {
      case 'schema':
      case 'create':
        // Of a table whose copy comes in, its name alone changes now.
        keep?.(raw);
        return this.#migrations.shape(this.#named(decodeRelation(line), scope), action === 'create', scope);
      case 'drop':
        return this.#migrations.drop(oid, scope);
      case 'indexes':
        return keep === undefined ? this.#migrations.indexes(oid, line, scope) : keep(raw);
      case 'comments':
        return keep === undefined ? this.#migrations.comments(oid, line, scope) : keep(raw);
      case 'stale':
        return keep === undefined ? this.#migrations.stale(oid, text(line, '_reason'), scope) : keep(raw);
      default:
        throw unknownAction(action, line.position);
    }
  }

  /** A kept line has a name that may be another table's by now. */
  #named(relation: Relation, { oid }: Scope): Relation {
    const table = oid === undefined ? undefined : this.#followed.table(oid);
    return table === undefined ? relation : { ...relation, schema: table.schema, table: table.name };
  }
}

/** Where so many lines from an offset on end. */
function behindLines(block: Buffer, from: number, count: number): number {
  let at = from;
  for (let i = 0; i < count && at < block.length; i++) {
    const feed = block.indexOf(LF, at);
    at = feed === -1 ? block.length : feed + 1;
  }
  return at;
}

/** The line's action, and where its value ends: the pairs before it are few, and a table may be called `_action`. */
function readHead(lines: string, start: number, end: number): { action: string; headEnd: number } {
  for (let at = start; at < end;) {
    const value = lines.indexOf('\t', at) + 1;
    const tab = value === 0 ? -1 : lines.indexOf('\t', value);
    const valueEnd = tab === -1 || tab > end ? end : tab;
    if (lines.startsWith('_action\t', at)) return { action: lines.slice(value, valueEnd), headEnd: valueEnd };
    at = valueEnd + 1;
  }
  return { action: '', headEnd: end };
}

function isRowAction(action: string): action is RowActionName {
  return ROW_ACTIONS.some((name) => name === action);
}

function rowAction(writer: TableWriter | undefined, action: RowActionName): RowAction {
  if (writer === undefined) return skipRow;
  switch (action) {
    case 'insert': return (lines, start, end) => writer.insert(lines, start, end);
    case 'update': return (lines, start, end) => writer.update(lines, start, end);
    case 'replace': return (lines, start, end) => writer.replace(lines, start, end);
    case 'delete': return (lines, start, end) => writer.delete(lines, start, end);
  }
}
