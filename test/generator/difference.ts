/** Thrown where two sides that must be equal differ; the schema tells whose seed it is. */
export class Difference extends Error {
  readonly schema: string;

  constructor(schema: string, message: string) {
    super(message);
    this.schema = schema;
  }
}
