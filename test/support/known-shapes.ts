/** Shapes of tables that stay as they are: the catalog of now tells them. */
import type pg from 'pg';
import type { RelationMessage } from '../../src/postgres/pgoutput/messages.js';
import type { Ending, Shapes, Told } from '../../src/deltastream/pgoutput/shape.js';

export class KnownShapes implements Shapes {
  readonly controls: string[] = [];

  constructor(private readonly client: pg.Client) {}

  async relation({ oid, schema, table, identity, columns }: RelationMessage): Promise<Told> {
    const { rows } = await this.client.query<{ name: string }>(`
      SELECT attname AS name
        FROM (SELECT indrelid, indkey FROM pg_index JOIN pg_class c ON c.oid = indrelid
               WHERE indrelid = $1 AND indimmediate AND CASE WHEN relreplident = 'i' THEN indisreplident ELSE indisprimary END) i,
             unnest(indkey::int2[]) WITH ORDINALITY AS k (attnum, place) JOIN pg_attribute a USING (attnum)
       WHERE attrelid = indrelid ORDER BY place`, [oid]);
    const names = columns.map(({ name }) => name);
    return { lines: [], shape: { oid, schema, table, columns: names, key: rows.map(({ name }) => names.indexOf(name)), isFull: identity === 'full' } };
  }

  control(text: string): void { this.controls.push(text); }
  end(): Promise<Ending> | undefined { return undefined; }
  truncated(): void {}
  committed(): void {}
  abandoned(): void {}
}
