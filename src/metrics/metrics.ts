/**
 * What a program tells Prometheus. Names follow its conventions: the program first, the
 * unit last, `_total` behind what only grows. Values are asked for when somebody looks,
 * so they cost nothing otherwise; no value and no label ever holds an address or a name
 * that a secret could stand in.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Undefined where it is not known now: then the metric has no value. */
type Read = () => number | undefined;

export class Metrics {
  readonly #registry = new Registry();
  readonly #program: string;

  /** `program` begins every name. */
  constructor(program: string) {
    this.#program = program;
  }

  /** What goes up and down. */
  gauge(name: string, help: string, read: Read): void {
    new Gauge({ name: this.#named(name), help, registers: [this.#registry], collect() { put(this, read()); } });
  }

  /** What only grows while the program runs; `name` ends in `_total`. */
  counter(name: string, help: string, read: Read): void {
    new Counter({
      name: this.#named(name), help, registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(read() ?? 0);
      },
    });
  }

  /** One value for each of the labels that `read` gives. */
  labelled(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    new Gauge({
      name: this.#named(name), help, labelNames: [label], registers: [this.#registry],
      collect() {
        this.reset();
        for (const [value, number] of Object.entries(read())) this.set({ [label]: value }, number);
      },
    });
  }

  /** Which of the states it is in: 1 for that one, 0 for each of the others. */
  states(name: string, help: string, label: string, all: readonly string[], read: () => string | undefined): void {
    this.labelled(name, help, label, () => {
      const now = read();
      return now === undefined ? {} : Object.fromEntries(all.map((each) => [each, each === now ? 1 : 0]));
    });
  }

  /** How often which values came; gives the function to tell one. `bounds` are of its buckets. */
  histogram(name: string, help: string, bounds: readonly number[]): (value: number) => void {
    const histogram = new Histogram({ name: this.#named(name), help, buckets: [...bounds], registers: [this.#registry] });
    return (value) => histogram.observe(value);
  }

  get contentType(): string { return this.#registry.contentType; }

  /** All of it, as Prometheus reads it. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #named(name: string): string {
    return `${this.#program}_${name}`;
  }
}

function put(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove();
  else gauge.set(value);
}
