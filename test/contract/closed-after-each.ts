import { afterEach } from "@jest/globals";

/** Opens a harness for the running test, which is closed after it. Call it where the suite is described. */
export function closedAfterEach<H extends { readonly close: () => Promise<void> }>(
  openHarness: () => Promise<H>,
): () => Promise<H> {
  const opened: H[] = [];
  afterEach(async () => {
    for (const harness of opened.splice(0)) await harness.close();
  });
  return async () => {
    const harness = await openHarness();
    opened.push(harness);
    return harness;
  };
}
