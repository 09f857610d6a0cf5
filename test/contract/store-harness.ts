import type { BucketStatesPort } from "../../src/store/bucket-states-port.ts";
import type { OutboxPort } from "../../src/store/outbox-port.ts";
import type { PurgePort } from "../../src/store/purge-port.ts";
import type { RecordsPort } from "../../src/store/records-port.ts";
import type { SettingsPort } from "../../src/store/settings-port.ts";
import type { StoreAuthorityPort } from "../../src/store/store-authority-port.ts";
import type { StorePort } from "../../src/store/store-port.ts";

/** The ports of one connection to a store that decides nothing, as a process whose cache decides would hold them. */
export interface ShadowConnection {
  readonly store: StorePort;
  readonly outbox: OutboxPort;
  readonly settings: SettingsPort;
  readonly bucketStates: BucketStatesPort;
  readonly purge: PurgePort;
  readonly records: RecordsPort;
}

/** The ports of one connection, as a process would hold them. */
export interface StoreConnection extends ShadowConnection {
  readonly authority: StoreAuthorityPort;
}

/** A new, empty store for one test. */
interface Harness<Connection> {
  /** The clock the driver reads, milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Lets that much time pass: a manual clock is moved, a server is waited for. */
  readonly elapse: (ms: number) => Promise<void>;
  /** Another process' connection to the same data; also works once the first one is closed. */
  readonly openAnother: () => Promise<Connection>;
  /** From now on a rule of the store forbids rows of this key, as a person may set one. */
  readonly forbid: (key: string) => Promise<void>;
  /** Closes every connection and removes the data. */
  readonly close: () => Promise<void>;
}

export type ShadowHarness = ShadowConnection & Harness<ShadowConnection>;
export type StoreHarness = StoreConnection & Harness<StoreConnection>;

export type OpenShadowHarness = () => Promise<ShadowHarness>;
export type OpenStoreHarness = () => Promise<StoreHarness>;
