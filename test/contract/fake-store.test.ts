import { MongoAuthority } from "../../src/store/drivers/mongodb/mongo-authority.ts";
import { FakeStore } from "../support/fake-store.ts";
import { openFakeStore } from "../support/fake-store-connection.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { WRITTEN_MS } from "./entries.ts";
import { describeOutboxContract } from "./outbox-contract.ts";
import { describePurgeContract } from "./purge-contract.ts";
import { describeRecordsContract } from "./records-contract.ts";
import { describeSettingsContract } from "./settings-contract.ts";
import { describeStatementLifeContract } from "./statement-life-contract.ts";
import { describeStoreAuthorityContract } from "./store-authority-contract.ts";
import { describeStoreContract } from "./store-contract.ts";
import type { StoreHarness } from "./store-harness.ts";

/** What simulations stand on keeps the promises of the real drivers. */
describeStoreContract("the simulated store", openFakeStoreHarness);
describeOutboxContract("the simulated store", openFakeStoreHarness);
describeSettingsContract("the simulated store", openFakeStoreHarness);
describePurgeContract("the simulated store", openFakeStoreHarness);
describeRecordsContract("the simulated store", openFakeStoreHarness);
describeStatementLifeContract("the simulated store", openFakeStoreHarness);
describeStoreAuthorityContract("the simulated store", openFakeStoreHarness, {
  eventPath: false,
  changeStamp: false,
});

/** Shared by all harnesses, so that each store gets another identity. */
const random = new SeededRandom(1);

async function openFakeStoreHarness(): Promise<StoreHarness> {
  const clock = new ManualClock({ nowMs: WRITTEN_MS + 24 * 3_600_000 });
  const server = new FakeStore({ clock, storeId: random.hex(16) });
  const open = async () => {
    const { commands, ...ports } = openFakeStore(server, clock);
    const { store, outbox } = ports;
    return { ...ports, authority: new MongoAuthority({ commands, store, outbox, clock }) };
  };
  return {
    ...(await open()),
    nowMs: () => clock.nowMs(),
    elapse: (ms) => clock.advance(ms),
    openAnother: open,
    forbid: async (key) => void server.forbiddenKeys.add(key),
    close: async () => undefined,
  };
}
