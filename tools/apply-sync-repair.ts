import { z } from "zod";
import { overwrites } from "./annotations.ts";
import { roundedMs } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import { failedKeys, movedKeys, planId } from "./repair-fields.ts";
import type { Services } from "./services.ts";

export const applySyncRepair = defineTool({
  name: "apply_sync_repair",
  title: "Apply a repair plan",
  description:
    "Does what a plan of plan_sync_repair says, each key only if it is still exactly as the plan has seen it; a key that has changed is left as it is and named. What a repair takes away is kept first, for undo_sync_repair. If the call is cut short, the same call goes on where it ended.",
  input: z.strictObject({ planId }),
  output: z.strictObject({
    planId: z.string(),
    applied: z.number(),
    moved: z.number().describe("Keys that had changed since the plan, and were left as they are."),
    failed: z.number(),
    movedKeys,
    failedKeys,
    tookMs: z.number(),
  }),
  annotations: overwrites,
  async handle(
    { planId: id },
    { planApplier }: Pick<Services, "planApplier">,
    { signal, progress },
  ) {
    const {
      tookMs,
      movedKeys: moved,
      failedKeys: failed,
      ...counts
    } = await planApplier.apply(id, { signal, progress });
    return {
      ...counts,
      movedKeys: [...moved],
      failedKeys: failed.map(({ key, why }) => ({ key, cause: why })),
      tookMs: roundedMs(tookMs),
    };
  },
});
