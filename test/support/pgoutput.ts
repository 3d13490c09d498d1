/** Two slots over the same WAL, our plugin's and pgoutput's, and the lines of both. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type pg from 'pg';
import type { Server } from '../../dev/postgres.js';
import type { Lsn } from '../../src/daystream/lsn.js';
import type { Shapes } from '../../src/deltastream/pgoutput/shape.js';
import { Translator } from '../../src/deltastream/pgoutput/translator.js';
import { connect } from '../../src/postgres/connection.js';
import { temporaryFolder } from './folder.js';

export interface TwinOptions {
  readonly leaves?: boolean;
  /** Prefixes of logical messages. */
  readonly messages?: string;
  readonly protocol?: number;
  /** Prepared transactions are sent when they are prepared. */
  readonly twoPhase?: boolean;
  /** Makes the publication `p`; by default it is for all tables. */
  readonly publication?: string;
}

export class TwinSlots {
  #translator: Translator;

  private constructor(
    /** For the workload. */
    readonly client: pg.Client,
    /** Prints values the way the stream does. */
    private readonly reader: pg.Client,
    readonly folder: string,
    private readonly options: TwinOptions,
    private readonly shapes: Shapes,
  ) {
    this.#translator = this.#newTranslator();
  }

  /** In a database of its own, which `prepare` fills before the slots are made. */
  static async make(t: TestContext, server: Server, prepare: string, shapes: (client: pg.Client) => Shapes, options: TwinOptions = {}): Promise<TwinSlots> {
    const name = `twin_${number++}`;
    await server.query(`CREATE DATABASE ${name}`);
    const client = await server.client(name);
    const reader = await connect(server.url(name), { applicationName: 'twin' });
    await client.query(prepare);
    await client.query(options.publication ?? `CREATE PUBLICATION p FOR ALL TABLES WITH (publish_via_partition_root = ${options.leaves !== true})`);
    await client.query(`SELECT pg_create_logical_replication_slot('${name}_ours', 'deltastream'), pg_create_logical_replication_slot('${name}_theirs', 'pgoutput', twophase => ${options.twoPhase === true})`);
    const twin = new TwinSlots(client, reader, temporaryFolder(t), options, shapes(reader));
    t.after(async () => {
      twin.#translator.close();
      await client.query(`SELECT pg_drop_replication_slot('${name}_ours'), pg_drop_replication_slot('${name}_theirs')`);
      await client.end();
      await reader.end();
    });
    return twin;
  }

  get spoolFolder(): string { return join(this.folder, '.spool'); }

  /** What our plugin says of all since the last call. */
  async ours(): Promise<string[]> {
    const { leaves, messages } = this.options;
    const options = [...(leaves === true ? ['partitions', 'leaf'] : []), ...(messages === undefined ? [] : ['messages', messages])];
    const { rows } = await this.reader.query<{ data: string }>('SELECT data FROM pg_logical_slot_get_changes($1, NULL, NULL, VARIADIC $2)', [await this.#slot('ours'), options]);
    return rows.flatMap(({ data }) => data.split('\n'));
  }

  /** The messages of pgoutput of all since the last call. */
  async messages(): Promise<Buffer[]> {
    const options = ['proto_version', String(this.options.protocol ?? 3), 'publication_names', 'p', 'messages', 'true', ...(this.options.protocol === 1 ? [] : ['streaming', 'on']), ...(this.options.twoPhase === true ? ['two_phase', 'on'] : [])];
    const { rows } = await this.reader.query<{ data: Buffer }>('SELECT data FROM pg_logical_slot_get_binary_changes($1, NULL, NULL, VARIADIC $2)', [await this.#slot('theirs'), options]);
    return rows.map(({ data }) => data);
  }

  /** Another connection: what the one before had not come to the end of is lost. The log has what was committed before `logEnd`. */
  reconnect(logEnd: Lsn = 0n): void {
    this.#translator.close();
    this.#translator = this.#newTranslator(logEnd);
  }

  /** The lines of pgoutput's messages. */
  async theirs(): Promise<string[]> {
    return this.translate(await this.messages());
  }

  async translate(messages: readonly Buffer[]): Promise<string[]> {
    const lines: string[] = [];
    for (const message of messages) await this.#translator.take(message, (bytes) => lines.push(...bytes.toString().split('\n')));
    return lines;
  }

  async #slot(side: string): Promise<string> {
    const { rows } = await this.reader.query<{ slot: string }>(`SELECT current_database() || '_${side}' AS slot`);
    return rows[0].slot;
  }

  #newTranslator(lsn: Lsn = 0n): Translator {
    return new Translator({ messages: this.options.messages, spoolFolder: this.spoolFolder, xid: 1000n, lsn, stop: new AbortController().signal }, this.shapes);
  }
}

let number = 0;
