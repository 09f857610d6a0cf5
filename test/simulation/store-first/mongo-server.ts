import { MongoAuthority } from "../../../src/store/drivers/mongodb/mongo-authority.ts";
import { FakeStore } from "../../support/fake-store.ts";
import { openFakeStore } from "../../support/fake-store-connection.ts";
import type { SimClock } from "../sim-clock.ts";
import type { SharedStore } from "./shared-store.ts";

/** The driver's own authority; each of its commands crosses the network to a simulated server. */
export function openMongoServer(clock: SimClock): SharedStore {
  const server = new FakeStore({ clock, storeId: "simulated" });
  return {
    connect(machine, reach) {
      const connection = openFakeStore(server, machine.clock);
      const store = reach(connection.store);
      const outbox = reach(connection.outbox);
      return {
        store,
        outbox,
        authority: new MongoAuthority({
          commands: reach(connection.commands),
          store,
          outbox,
          clock: machine.clock,
        }),
        settings: reach(connection.settings),
        bucketStates: reach(connection.bucketStates),
        purge: reach(connection.purge),
        records: reach(connection.records),
      };
    },
    rows: () => server.rows,
    unprocessed: () => server.unprocessed().map(({ entry }) => entry),
    takeDown() {
      server.isUp = false;
    },
    bringBack() {
      server.isUp = true;
    },
    close: () => undefined,
  };
}
