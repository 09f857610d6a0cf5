import { describe, expect, it } from "@jest/globals";
import {
  BATCH_MECHANISMS,
  type BatchMechanism,
  twoBuckets,
} from "../../explorer/batches/two-buckets.ts";
import { explore } from "../../explorer/kernel/explore.ts";

const LIMITS = { statesMax: 10_000 };

describe("A batch of two buckets", () => {
  it("holds in every state, while each bucket recovers by itself", () => {
    expect(explore(twoBuckets(), LIMITS)).toMatchObject({ complete: true, violation: undefined });
  });

  it.each(Object.keys(BATCH_MECHANISMS) as BatchMechanism[])("breaks without %s", (removed) => {
    expect(explore(twoBuckets(removed), LIMITS).violation).toBeDefined();
  });
});
