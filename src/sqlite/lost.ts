/** What an application had made on a table, and a change of it could not keep. */
export interface Lost {
  readonly kind: 'index' | 'trigger' | 'view';
  readonly name: string;
  readonly reason: string;
}

/** The rows do not fit the new shape, or its name is taken: nothing was lost, the caller rolls back. */
export class AlterFailed extends Error {
  readonly reason: string;

  constructor(reason: string, cause?: unknown) {
    super(reason, { cause });
    this.name = 'AlterFailed';
    this.reason = reason;
  }
}
