import { setTimeout as delay } from "node:timers/promises";
import { types } from "node:util";
import { TestEnvironment } from "jest-environment-node";

/** What keeps a process alive, as node names it. Jest's own channel to its worker is a pipe. */
const watchedResources = new Set([
  "FSEventWrap",
  "MessagePort",
  "ProcessWrap",
  "TCPServerWrap",
  "TCPSocketWrap",
  "Timeout",
  "UDPWrap",
]);

/** Sockets and processes are still closing for a moment after a test has asked them to. */
const closingMs = 2_000;

// A worker whose Jest was interrupted would finish its test file first, servers and all. It asks
// now and then, because to listen for the event would keep every worker from ending by itself.
const isWorker = process.send !== undefined;
if (isWorker) setInterval(exitWithoutJest, 500).unref();

function exitWithoutJest(): void {
  if (!process.connected) process.exit(1);
}

/** Fails a test file which leaves a server, connection, child process or timer open. */
export default class LockstepEnvironment extends TestEnvironment {
  #before = new Map<string, number>();

  override async setup(): Promise<void> {
    await super.setup();
    recogniseNodeErrors(this.global.Error);
    this.#before = countResources();
  }

  /** At `run_finish` every afterAll has run, and the results of the tests are still kept. */
  async handleTestEvent(
    event: { readonly name: string },
    state: { readonly unhandledErrors: Error[] },
  ): Promise<void> {
    if (event.name !== "run_finish") return;
    const leaked = await this.#waitForLeaks();
    if (leaked.length > 0) {
      state.unhandledErrors.push(new Error(`The file left something open: ${leaked.join(", ")}.`));
    }
  }

  async #waitForLeaks(): Promise<string[]> {
    const deadlineMs = performance.now() + closingMs;
    let leaked = this.#leaked();
    while (leaked.length > 0 && performance.now() < deadlineMs) {
      // Not referenced, so that the wait does not count as a timer itself.
      await delay(20, undefined, { ref: false });
      leaked = this.#leaked();
    }
    return leaked;
  }

  #leaked(): string[] {
    return [...countResources()]
      .map(([name, count]) => ({ name, more: count - (this.#before.get(name) ?? 0) }))
      .filter(({ more }) => more > 0)
      .map(({ name, more }) => `${more} ${name}`);
  }
}

/**
 * Tests have globals of their own, so that an error made by node itself (a refused connection, a
 * missing file) would be no `instanceof Error` for them, as it is in production.
 */
function recogniseNodeErrors(TestError: ErrorConstructor): void {
  const isOrdinaryInstance = Function.prototype[Symbol.hasInstance];
  Object.defineProperty(TestError, Symbol.hasInstance, {
    value(this: unknown, value: unknown) {
      // Subclasses inherit this method and go on as usual.
      const isAnyError = this === TestError && types.isNativeError(value);
      return isAnyError || Reflect.apply(isOrdinaryInstance, this, [value]);
    },
  });
}

function countResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    if (watchedResources.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
