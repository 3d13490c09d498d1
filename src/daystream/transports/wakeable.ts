/** A wait that ends when somebody calls, when its time is over, or when it is aborted; it never throws. For one waiter. */
export class Wakeable {
  #wake: (() => void) | undefined;

  /** Until `wake` is called, for so long at most. */
  async wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return;
    let ended = (): void => {};
    const woken = new Promise<void>((resolve) => { this.#wake = ended = resolve; });
    const timer = setTimeout(ended, timeoutMs);
    signal?.addEventListener('abort', ended, { once: true });
    await woken;
    clearTimeout(timer);
    signal?.removeEventListener('abort', ended);
    this.#wake = undefined;
  }

  /** Of no effect where nobody waits. */
  wake(): void { this.#wake?.(); }
}
