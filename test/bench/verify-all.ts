import type { OpenServer } from "./open-server.ts";
import { perSecond } from "./rounds.ts";

/** Keys per second of a full pass, which must have seen so many and found nothing. */
export async function verifyAll(
  server: OpenServer,
  keys: number,
  { contents }: { readonly contents: boolean },
): Promise<number> {
  return perSecond(keys, async () => {
    const answer = (await server.run("verify_cache_sync", { mode: "full", contents })) as {
      readonly coverage: { readonly keysChecked: number };
      readonly overallSyncHealth: string;
    };
    if (answer.coverage.keysChecked !== keys || answer.overallSyncHealth === "ISSUES_DETECTED")
      throw new Error(`The pass came to something else: ${JSON.stringify(answer).slice(0, 500)}`);
  });
}
