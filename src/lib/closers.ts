/**
 * Closes what was opened, in reverse order. Each opened thing is pushed at once, so that a failure
 * half-way through start-up still closes the earlier ones.
 */
export class Closers {
  readonly #closers: { readonly name: string; readonly close: () => Promise<void> | void }[] = [];

  push(name: string, close: () => Promise<void> | void): void {
    this.#closers.push({ name, close });
  }

  /** Closes all, each only once; one that fails does not keep the others open. Returns the failures. */
  async closeAll(): Promise<readonly { readonly name: string; readonly error: unknown }[]> {
    const failures: { name: string; error: unknown }[] = [];
    for (let next = this.#closers.pop(); next !== undefined; next = this.#closers.pop()) {
      try {
        await next.close();
      } catch (error) {
        failures.push({ name: next.name, error });
      }
    }
    return failures;
  }
}
