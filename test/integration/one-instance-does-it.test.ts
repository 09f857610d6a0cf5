import { describe, expect, it } from "@jest/globals";
import { ScheduledJob } from "../../src/jobs/scheduled-job.ts";
import { CronSchedule } from "../../src/lib/cron-schedule.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import type { RecordsPort } from "../../src/store/records-port.ts";
import type { StorePort } from "../../src/store/store-port.ts";
import { closedAfterEach } from "../contract/closed-after-each.ts";
import { openSqliteHarness } from "../contract/sqlite-harness.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { useMongoStore } from "../support/servers/use-mongo-store.ts";

const INSTANCES = 6;

interface OpenedBackend {
  readonly store: StorePort;
  readonly records: RecordsPort;
}

/** Instances of one job, each with a connection of its own, all of them looking at the very same moment. */
function describeOneInstance(openStore: () => Promise<() => Promise<OpenedBackend>>): void {
  it.each([
    { what: "the lease", lease: undefined },
    { what: "the kept slot alone, where the lease is given to all", lease: async () => true },
  ])("runs a slot once by $what", async ({ lease }) => {
    const openBackend = await openStore();
    const clock = new ManualClock({ nowMs: Date.UTC(2026, 10, 21) });
    const ran: number[] = [];
    const instance = async (number: number) => {
      const { store, records } = await openBackend();
      return new ScheduledJob({
        name: "daily_check",
        schedule: new CronSchedule("0 3 * * *"),
        work: async () => void ran.push(number),
        store: lease === undefined ? store : { acquireLease: lease },
        records,
        clock,
        random: systemRandom,
        log: silentLog,
      });
    };
    const { signal } = new AbortController();
    const instances = await Promise.all(Array.from({ length: INSTANCES }, (_, i) => instance(i)));
    const look = () => Promise.all(instances.map((each) => each.run(signal)));
    await look();

    await clock.advance(3 * 3_600_000);
    const outcomes = await look();
    const later = await look();

    expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(1);
    expect(later).not.toContain("done");
    expect(ran).toHaveLength(1);
  });
}

describe("a scheduled job of several processes on one SQLite file", () => {
  const open = closedAfterEach(openSqliteHarness);
  describeOneInstance(async () => {
    const { openAnother } = await open();
    return openAnother;
  });
});

describeWith(["mongodb"], "a scheduled job of several processes on one MongoDB", () => {
  const mongo = useMongoStore();
  describeOneInstance(async () => async () => mongo.open());
});
