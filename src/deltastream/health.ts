/** How the slot is, looked at as often as horizons are written: said when it changes, and remembered. */
import type { Report } from './report.js';
import { beganOf } from './continuity.js';
import { complaintsOf, describeSlot } from './health-words.js';
import { HORIZON_INTERVAL_MS } from './horizons.js';
import type { StreamOptions } from './options.js';
import { writeSlotMemory } from './slot-memory.js';
import type { Source } from './source.js';
import type { SlotHealth } from '../postgres/slot-health.js';

/** So often it is said though nothing has changed. */
const SAY_INTERVAL_MS = 600_000;

export class Health {
  #timer: NodeJS.Timeout | undefined;
  #source: Source | undefined;
  #before: SlotHealth | undefined;
  #looking: Promise<void> | undefined;
  /** Where it reads from, as it was remembered. */
  #restart: string | undefined;
  /** What was said last, without its figures. */
  #said: string | undefined;
  #saidMs = -Infinity;

  constructor(private readonly options: StreamOptions, private readonly report: Report) {}

  /** From now on, until `stop`. */
  start(source: Source): void {
    this.#source = source;
    this.#before = source.health; // nobody read it then
    this.#timer = setInterval(() => { this.#looking = this.#look(source); }, HORIZON_INTERVAL_MS);
    this.#looking = this.#look(source);
  }

  /** At the end of a session that ends in order: nothing that was confirmed by then may be missing from what is remembered. Never throws. */
  async last(source: Source): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking; // two would write one file
    const health = await source.beside.health(this.options.slot);
    if (health !== undefined && this.#restart !== undefined) await this.#write(source, health, this.#restart).catch(() => {}); // then less is noticed
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#source = undefined;
  }

  /** Never throws: the stream is what matters, and it tells when the slot is gone. */
  async #look(source: Source): Promise<void> {
    const health = await source.beside.health(this.options.slot);
    if (health === undefined || this.#source !== source) return;
    this.#say(health);
    await this.#remember(source, health).catch(() => {}); // the log's own writes tell of a full disk
  }

  #say(health: SlotHealth): void {
    this.report.keep(health);
    const complaints = complaintsOf(health, this.options.slotWarning, this.options.out);
    const state = [health.walStatus, health.invalidationReason, health.limitBytes, complaints.length].join();
    const isNews = state !== this.#said;
    if (!isNews && performance.now() - this.#saidMs < SAY_INTERVAL_MS) return;
    this.#said = state;
    this.#saidMs = performance.now();
    this.report.tell(describeSlot(health));
    for (const { what, cure } of complaints) this.report.tell(`warning: ${what} — ${cure}`);
  }

  /** Where it reads from is remembered a look later: a server that crashes while it saves that goes back behind it. */
  async #remember(source: Source, health: SlotHealth): Promise<void> {
    const before = this.#before;
    this.#before = health;
    if (before === undefined || before.restartLsn === null) return;
    this.#restart = before.restartLsn;
    await this.#write(source, health, before.restartLsn);
  }

  async #write(source: Source, health: SlotHealth, restart: string): Promise<void> {
    if (health.restartLsn === null || health.confirmedFlushLsn === null) return;
    const { system, timeline } = source.identity;
    await writeSlotMemory(this.options.out, {
      system, timeline, began: beganOf(source), restart, confirmed: health.confirmedFlushLsn, restartThen: health.restartLsn, started: health.serverStarted,
    });
  }
}
