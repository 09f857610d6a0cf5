import { describe, expect, it } from "@jest/globals";
import { describeAcknowledging } from "./cache-authority/acknowledge-claims.ts";
import { describeAnyOrder } from "./cache-authority/any-order-claims.ts";
import { describeBinding } from "./cache-authority/binding-claims.ts";
import { describeDropping } from "./cache-authority/drop-claims.ts";
import { describeFilling } from "./cache-authority/fill-claims.ts";
import { describeGuardedWriting } from "./cache-authority/guard-claims.ts";
import { type OpenCacheAuthorityHarness, openedForEach } from "./cache-authority/harness.ts";
import { describeLooking } from "./cache-authority/looking-claims.ts";
import { describeMeasure } from "./cache-authority/measure-claims.ts";
import { describeOtherTypes } from "./cache-authority/other-type-claims.ts";
import { describePending } from "./cache-authority/pending-claims.ts";
import { describePolicy } from "./cache-authority/policy-claims.ts";
import { describeRecovering } from "./cache-authority/recovery-claims.ts";
import { describeSettling } from "./cache-authority/settle-claims.ts";
import { describeStamping } from "./cache-authority/stamp-claims.ts";
import { describeTerms } from "./cache-authority/term-claims.ts";
import { describeMinting } from "./cache-authority/version-claims.ts";
import { describeWriting } from "./cache-authority/write-claims.ts";
import { setOf } from "./commands.ts";

/** Every sentence of cache-authority-port.ts, and of cache-port.ts as an authority keeps it, as a claim about one driver. */
export function describeCacheAuthorityContract(
  name: string,
  openHarness: OpenCacheAuthorityHarness,
): void {
  describe(`${name} as the authority`, () => {
    describeBinding(openHarness);
    describePolicy(openHarness);
    describeWriting(openHarness);
    describeMinting(openHarness);
    describeGuardedWriting(openHarness);
    describeTerms(openHarness);
    describeAcknowledging(openHarness);
    describeMeasure(openHarness);
    describePending(openHarness);
    describeSettling(openHarness);
    describeFilling(openHarness);
    describeStamping(openHarness);
    describeDropping(openHarness);
    describeLooking(openHarness);
    describeOtherTypes(openHarness);
    describeRecovering(openHarness);
    describeAnyOrder(openHarness);

    describe("once it is closed", () => {
      const open = openedForEach(openHarness);

      it("fails with CACHE_UNAVAILABLE, a write too, since it was never sent", async () => {
        const { cache } = await open();
        await cache.close();

        for (const call of [
          () => cache.ping(),
          () => cache.write(setOf()),
          () => cache.observe(["user:1"]),
          () => cache.contents(["user:1"]),
          () => cache.scan({ limit: 10 }),
          () => cache.refreshPolicy(),
        ]) {
          await expect(call()).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });
        }
      });
    });
  });
}
