/** One reason why a Postgres cannot be followed, or not all of it, with its cure. */
import { DeltaError, type ErrorCode } from '../errors.js';

export interface Finding {
  /** `error`: following is impossible; `warning`: it is possible, and this is what to expect. */
  readonly severity: 'error' | 'warning';
  readonly code: ErrorCode;
  /** Begins with the place: a setting, a slot, a table. */
  readonly what: string;
  /** What to type. */
  readonly cure: string;
}

export function errorFinding(code: ErrorCode, what: string, cure: string): Finding {
  return { severity: 'error', code, what, cure };
}

export function warning(code: ErrorCode, what: string, cure: string): Finding {
  return { severity: 'warning', code, what, cure };
}

/** A failure that a rule already explains, as a finding. */
export function findingOf(error: DeltaError): Finding {
  return errorFinding(error.code, error.message, error.hint ?? 'see the message of the server');
}

export function toError(finding: Finding): DeltaError {
  return new DeltaError(finding.code, finding.what, { hint: finding.cure });
}
