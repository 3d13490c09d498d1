/** The shapes of the program, for a test that makes them in passing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Following } from '../../src/daystream/following.js';
import type { CatalogState } from '../../src/deltastream/catalog-state.js';
import { LeafNotes } from '../../src/deltastream/pgoutput/leaf-notes.js';
import type { Ending, InTransaction, Shapes, Told } from '../../src/deltastream/pgoutput/shape.js';
import { CatalogShapes } from '../../src/deltastream/pgoutput/shapes.js';
import type { RelationMessage } from '../../src/postgres/pgoutput/messages.js';
import { signedBy } from '../../src/postgres/triggers-secret.js';
import { ShapeSource } from '../../src/postgres/shape-source.js';

/** By which a test says what the watch would say. */
const WORDS_KEY = Buffer.alloc(32, 7);

/** SQL that sends them, of expressions of type text. */
export function sayAsWatch(...texts: readonly string[]): string {
  const content = signedBy(`'\\x${WORDS_KEY.toString('hex')}'::bytea`, `ARRAY[${texts.map((text) => `convert_to(${text}, 'UTF8')`).join(', ')}]`);
  return `SELECT pg_logical_emit_message(true, 'deltastream', said) FROM unnest(${content}) AS said`;
}

export class OpenedShapes implements Shapes {
  #shapes: CatalogShapes | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), 'shapes-'));

  /** To be awaited before anything is translated, and before the workload. */
  async open(url: string, following: Following, told?: CatalogState): Promise<void> {
    this.#shapes = await CatalogShapes.open(await ShapeSource.open(url), following, told, told === undefined, WORDS_KEY, new LeafNotes(this.#folder, true));
  }

  get #opened(): CatalogShapes {
    if (this.#shapes === undefined) throw new Error('the shapes are not opened');
    return this.#shapes;
  }

  relation(message: RelationMessage, at: InTransaction): Promise<Told> { return this.#opened.relation(message, at); }
  control(text: string, at: InTransaction): void { this.#opened.control(text, at); }
  end(at: InTransaction): Promise<Ending> | undefined { return this.#opened.end(at); }
  wroteLeaf(root: number, leaf: number, at: InTransaction): void { this.#opened.wroteLeaf(root, leaf, at); }
  truncated(oid: number): void { this.#opened.truncated(oid); }
  committed(isRepeat: boolean): void { this.#opened.committed(isRepeat); }
  abandoned(): void { this.#opened.abandoned(); }
  close(): void {
    this.#shapes?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
