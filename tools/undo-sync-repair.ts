import { z } from "zod";
import { overwrites } from "./annotations.ts";
import { roundedMs } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import { failedKeys, movedKeys, planId } from "./repair-fields.ts";
import type { Services } from "./services.ts";

export const undoSyncRepair = defineTool({
  name: "undo_sync_repair",
  title: "Undo a repair plan",
  description:
    "Brings back the values that an applied plan has replaced or removed, each key only if it is still as the repair left it; a later write stands and is named. Also after an apply that was cut short. If the call is cut short itself, the same call goes on.",
  input: z.strictObject({ planId }),
  output: z.strictObject({
    planId: z.string(),
    restored: z.number(),
    moved: z
      .number()
      .describe("Keys that have changed since the repair, and were left as they are."),
    nothing: z
      .number()
      .describe(
        "Keys from which the repair took nothing, nothing that would still be alive, or only what was older than what stands there now.",
      ),
    failed: z.number(),
    movedKeys,
    failedKeys,
    tookMs: z.number(),
  }),
  annotations: overwrites,
  async handle({ planId: id }, { planUndoer }: Pick<Services, "planUndoer">, { signal, progress }) {
    const {
      tookMs,
      movedKeys: moved,
      failedKeys: failed,
      ...counts
    } = await planUndoer.undo(id, {
      signal,
      progress,
    });
    return {
      ...counts,
      movedKeys: [...moved],
      failedKeys: failed.map(({ key, why }) => ({ key, cause: why })),
      tookMs: roundedMs(tookMs),
    };
  },
});
