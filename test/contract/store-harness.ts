import type { OutboxPort } from "../../src/store/outbox-port.ts";
import type { SettingsPort } from "../../src/store/settings-port.ts";
import type { StoreAuthorityPort } from "../../src/store/store-authority-port.ts";
import type { StorePort } from "../../src/store/store-port.ts";

/** The ports of one connection, as a process would hold them. */
export interface StoreConnection {
  readonly store: StorePort;
  readonly outbox: OutboxPort;
  readonly authority: StoreAuthorityPort;
  readonly settings: SettingsPort;
}

/** A new, empty store for one test. */
export interface StoreHarness extends StoreConnection {
  /** The clock the driver reads, milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Lets that much time pass: a manual clock is moved, a server is waited for. */
  readonly elapse: (ms: number) => Promise<void>;
  /** Another process' connection to the same data; also works once the first one is closed. */
  readonly openAnother: () => Promise<StoreConnection>;
  /** From now on a rule of the store forbids rows of this key, as a person may set one. */
  readonly forbid: (key: string) => Promise<void>;
  /** Closes every connection and removes the data. */
  readonly close: () => Promise<void>;
}

export type OpenStoreHarness = () => Promise<StoreHarness>;
