import type { Entry } from "../../../src/model/entry.ts";
import type { WriteCommand } from "../../../src/model/write-command.ts";
import { deleteOf, setOf } from "../../contract/commands.ts";
import type { Start } from "../scenarios/starts.ts";
import { RECOVERY_STEPS, stepName, traceSteps } from "../trace.ts";
import { GRACE_MS, KEY } from "./parts.ts";
import type { ReplayProcess } from "./process.ts";
import type { ReplayServers } from "./servers.ts";
import type { Stage } from "./stage.ts";
import type { Watcher } from "./watcher.ts";

interface Beginning {
  readonly servers: ReplayServers;
  readonly observer: ReplayProcess;
  readonly watcher: Watcher;
  readonly stage: Stage;
}

/** A delete of the last epoch that lands after recovery has looked, and of which Redis has not heard yet. */
const LEFT_OVER = traceSteps([
  "delete: mint",
  "environment: roll back",
  ...RECOVERY_STEPS,
  "delete: upsert",
  "delete: check epoch",
]);

/** Brings the servers to where the model's worlds of this name begin. */
export async function begin(start: Start, beginning: Beginning): Promise<void> {
  const { servers, stage } = beginning;
  const set = setOf({ key: KEY, value: "z" });
  switch (start) {
    case "blank":
      return;
    case "warm":
      await acknowledged(set, beginning);
      servers.save();
      return;
    case "cold":
      await acknowledged(set, beginning);
      servers.redis.del(KEY);
      servers.redis.metas.delete(KEY);
      return;
    case "emptied":
      await acknowledged(set, beginning);
      servers.rollBack();
      return;
    case "purgeable": {
      const entry = await written(set, beginning);
      servers.save();
      await told(entry, beginning);
      await acknowledged(deleteOf({ key: KEY }), beginning);
      await stage.pass(GRACE_MS);
      return;
    }
    case "left over":
      await written(set, beginning);
      servers.save();
      for (const step of LEFT_OVER) {
        if (!(await stage.take(step))) throw new Error(`"${stepName(step)}" was refused.`);
        servers.letGoOn();
      }
      await stage.pass(GRACE_MS);
  }
}

async function acknowledged(command: WriteCommand, beginning: Beginning): Promise<void> {
  await told(await written(command, beginning), beginning);
}

async function written(command: WriteCommand, { observer }: Beginning): Promise<Entry> {
  const made = await observer.past.cache.write(command);
  if (made.outcome !== "written") throw new Error("The first write was refused.");
  return made.entry;
}

async function told(entry: Entry, { observer, watcher }: Beginning): Promise<void> {
  const { cache, store } = observer.past;
  const { version } = entry;
  await store.applyNewer([entry], "ASYNC_THREAD");
  if (cache.policy?.pinned === true) await cache.acknowledge([{ key: KEY, version }]);
  else await cache.settle(KEY, version);
  await watcher.hasTold({ version, durable: "shadow" });
}
