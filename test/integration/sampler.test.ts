import { expect, it } from "@jest/globals";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { useUserApp } from "../support/models/use-user-app.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

/** What is waited for runs beside the calls that ask for it. */
const rarely = { withinMs: 20_000, everyMs: 200 };

const always = { LOCKSTEP_SAMPLER: "true", LOCKSTEP_SAMPLER_PROBABILITY: "1" };

describeWith(["redis", "mongodb"], "a sample that a call has set off", () => {
  const backends = useBackends();
  const app = useUserApp(backends);

  it("is looked at once by two processes, and what it found can be listed", async () => {
    const quiet = await backends.open();
    for (const key of ["user:1", "user:2", "user:3", "cart:1"])
      await quiet.call("kv_set", { key, value: "v" });
    await backends.client.set("user:2", "a private value");
    const [one, other] = [await backends.open(always), await backends.open(always)];

    const read = () =>
      Promise.all([one, other].map((each) => each.call("kv_get", { key: "cart:1" })));

    const results = await waitUntil(async () => {
      await read();
      const { results: found } = await quiet.call("list_check_results", { job: "sample" });
      return found.length > 0 ? found : undefined;
    }, rarely);
    // A look that this sets off finds the turn taken.
    await read();
    await Promise.all([one.close(), other.close()]);
    const { results: later } = await quiet.call("list_check_results", { job: "sample" });

    expect(results).toMatchObject([
      {
        model: "kv",
        outcome: "drift",
        reason: "kv has not been looked at lately. 50 are the usual sample",
        figures: { checked: 4, consistent: 3, ratio: 0.75, classes: { changed_outside: 1 } },
      },
    ]);
    expect(later).toEqual(results);
    expect(JSON.stringify(results)).not.toContain("private");
    const warnings = [...one.log.messages("warn"), ...other.log.messages("warn")];
    expect(warnings).toContain("Checked kv: 3 of 4 copies are sound");
  });

  it("that is bad enough has its model reconciled, as the results tell", async () => {
    await app.store(...[1, 2, 3, 4, 5].map((number) => app.user(number, 2)));
    await app.cache(...[1, 2, 3, 4].map((number) => app.user(number, 1)), app.user(5, 2));
    const lockstep = await backends.open({ ...app.variables(), ...always });

    const reconciliation = await waitUntil(async () => {
      const { results } = await lockstep.call("list_check_results", { model: "accounts.User" });
      return results.find(({ reconciled }) => reconciled !== null);
    }, rarely);
    const { results } = await lockstep.call("list_check_results", { model: "accounts.User" });

    expect(reconciliation).toMatchObject({
      job: "sample",
      outcome: "good",
      reason: "A sample found 1 of 5 copies sound, which is below 0.7",
      reconciled: { checked: 5, updated: 4, complete: true },
    });
    expect(results).toHaveLength(2);
    expect(results.find(({ reconciled }) => reconciled === null)).toMatchObject({
      outcome: "drift",
      figures: { checked: 5, consistent: 1, inconsistent: 4, ratio: 0.2 },
    });
    expect(await app.cached(1)).toBe(2);
  });
});
