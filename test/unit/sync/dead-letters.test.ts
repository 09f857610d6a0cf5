import { describe, expect, it } from "@jest/globals";
import { DeadLetters } from "../../../src/sync/dead-letters.ts";
import { entryOf, versionNo } from "../../contract/entries.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { openMemorySqlite } from "../../support/memory-sqlite.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

async function openWorld({ parked }: { readonly parked: number }) {
  const { outbox } = await openMemorySqlite({
    clock: new ManualClock(),
    random: new SeededRandom(1),
  });
  await outbox.append(
    Array.from({ length: parked }, (_, at) => entryOf({ version: versionNo(at) })),
  );
  const events = await outbox.claim({ owner: "one", limit: parked, leaseMs: 1000 });
  const ids = events.map((event) => event.id);
  await outbox.park(ids, "refused");
  const replays: string[] = [];
  return {
    outbox,
    ids,
    replays,
    deadLetters: new DeadLetters(outbox, () => void replays.push("told")),
  };
}

describe("DeadLetters", () => {
  it("lists a page, and how many there are in all", async () => {
    const { deadLetters, ids } = await openWorld({ parked: 3 });

    const first = await deadLetters.list({ limit: 2 });
    const second = await deadLetters.list({ limit: 2, cursor: first.cursor! });

    expect([first.total, second.total]).toEqual([3, 3]);
    expect([first, second].map(({ letters }) => letters.map(({ id }) => id))).toEqual([
      [ids[0], ids[1]],
      [ids[2]],
    ]);
    expect(second.cursor).toBeUndefined();
  });

  it("puts back what is named, says what is left, and tells the projector", async () => {
    const { deadLetters, ids, replays } = await openWorld({ parked: 3 });

    expect(await deadLetters.replay([ids[1]!, "unknown"])).toEqual({ replayed: 1, left: 2 });

    expect(replays).toEqual(["told"]);
  });

  it("puts back a thousand at most", async () => {
    const { deadLetters } = await openWorld({ parked: 1001 });

    expect(await deadLetters.replay()).toEqual({ replayed: 1000, left: 1 });
    expect(await deadLetters.replay()).toEqual({ replayed: 1, left: 0 });
  });

  it("tells the projector nothing where nothing went back", async () => {
    const { deadLetters, replays } = await openWorld({ parked: 0 });

    expect(await deadLetters.replay()).toEqual({ replayed: 0, left: 0 });

    expect(replays).toEqual([]);
  });
});
