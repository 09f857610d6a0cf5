import type { CopyClass } from "../../src/verify/classify.ts";
import type { CacheFirstWorld } from "./cache-first-world.ts";
import { ScriptedWriter } from "./scripted-writer.ts";

/** A difference that ordinary traffic does not make, put at the key "user:1", which held "first". */
export interface Plant {
  readonly copyClass: CopyClass;
  readonly what: string;
  readonly put: (world: CacheFirstWorld, writer: ScriptedWriter) => Promise<void>;
}

export const PLANTS: readonly Plant[] = [
  {
    copyClass: "changed_outside",
    what: "a value that another program overwrote",
    put: inStep(({ redis }) => redis.set("user:1", "foreign")),
  },
  {
    copyClass: "changed_outside",
    what: "an unsynced write that another program overwrote",
    put: unsynced(({ redis }) => redis.set("user:1", "foreign")),
  },
  {
    copyClass: "changed_outside",
    what: "a value without meta that differs from the row",
    put: inStep(({ redis }) => {
      redis.metas.delete("user:1");
      redis.set("user:1", "foreign");
    }),
  },
  {
    copyClass: "removed_outside",
    what: "an unsynced write that another program removed",
    put: unsynced(({ redis }) => redis.del("user:1")),
  },
  {
    copyClass: "removed_outside",
    what: "a value that another program removed",
    put: inStep(({ redis }) => redis.del("user:1")),
  },
  {
    copyClass: "missing",
    what: "a row that someone deleted",
    put: inStep(({ database }) => database.query("DELETE FROM kvshadow").run()),
  },
  {
    copyClass: "missing",
    what: "a row that someone set back",
    put: inStep(edited("version = '000000010000000000000001'")),
  },
  {
    copyClass: "stale",
    what: "a copy that went back to an earlier write",
    put: inStep(async ({ redis }, writer) => {
      const value = redis.values.get("user:1")!;
      const meta = redis.metas.get("user:1")!;
      await writer.run(writer.direct("later"));
      redis.values.set("user:1", value);
      redis.metas.set("user:1", meta);
    }),
  },
  {
    copyClass: "diverged",
    what: "a row whose value someone edited",
    put: inStep(edited("value = CAST('edited' AS BLOB)")),
  },
  {
    copyClass: "diverged",
    what: "a row whose deadline someone edited",
    put: inStep(edited("expires_at = 1")),
  },
  {
    copyClass: "corrupt",
    what: "a spoilt row whose copy is gone",
    put: inStep((world) => {
      edited("value = CAST('edited' AS BLOB)")(world);
      world.redis.del("user:1");
      world.redis.metas.delete("user:1");
    }),
  },
  {
    copyClass: "overdue",
    what: "an unsynced write of long ago",
    put: unsynced(({ clock }) => clock.advance(60_000)),
  },
  {
    copyClass: "lost",
    what: "a mark whose write is gone",
    put: unsynced(({ redis }) => {
      redis.del("user:1");
      redis.metas.delete("user:1");
    }),
  },
];

type Change = (world: CacheFirstWorld, writer: ScriptedWriter) => unknown;

/** The change, made to a key of which both sides held the same. */
function inStep(change: Change): Plant["put"] {
  return async (world, writer) => {
    await writer.run(writer.direct("first"));
    await change(world, writer);
  };
}

/** The change, made to a write that the store does not have. */
function unsynced(change: Change): Plant["put"] {
  return async (world, writer) => {
    await writer.run(writer.direct("first").slice(0, 1));
    await change(world, writer);
  };
}

function edited(assignment: string): (world: CacheFirstWorld) => void {
  return ({ database }) => void database.query(`UPDATE kvshadow SET ${assignment}`).run();
}

export async function plantIn(world: CacheFirstWorld, plant: Plant): Promise<void> {
  await plant.put(world, new ScriptedWriter(world, "user:1"));
}
