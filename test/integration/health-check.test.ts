import { expect, it } from "@jest/globals";
import type { OpenLockstep } from "../support/lockstep/open-lockstep.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const HEALTHY = "Cache sync verification completed. Health: HEALTHY";

describeWith(["redis", "mongodb"], "the scheduled health check", () => {
  const backends = useBackends();
  const checks = (lockstep: OpenLockstep) =>
    lockstep.log.messages("info").filter((message) => message === HEALTHY).length;

  it("is done by one of several processes, and by another once that is gone", async () => {
    const often = { LOCKSTEP_HEALTH_INTERVAL_MS: "2000" };
    const [one, other] = [await backends.open(often), await backends.open(often)];
    await one.call("kv_set", { key: "a", value: "v" });

    await waitUntil(() => checks(one) + checks(other) >= 2, { what: "two checks" });
    const [busy, idle] = checks(one) > 0 ? [one, other] : [other, one];
    expect(checks(idle)).toBe(0);

    await busy.close();
    await waitUntil(() => checks(idle) > 0, { what: "the other process to take over" });
  });

  it("warns with what it has found, and reports when it cannot look", async () => {
    const lockstep = await backends.open({ LOCKSTEP_HEALTH_INTERVAL_MS: "1000" });
    await lockstep.call("kv_set", { key: "a", value: "v" });
    await backends.client.set("a", "a private value");

    const warning = await waitUntil(() =>
      lockstep.log.messages("warn").find((line) => line.includes("health check failed")),
    );
    const kept = await waitUntil(async () => {
      const { results } = await lockstep.call("list_check_results", { job: "health_check" });
      return results.find(({ outcome }) => outcome === "drift");
    });
    await backends.mongo.stop();
    await waitUntil(() =>
      lockstep.log.messages("error").includes("Error during scheduled sync health check"),
    );

    expect(warning).toMatch(/^Cache sync health check failed: \{.*"changed_outside":1.*"key":"a"/);
    expect(warning).not.toContain("private");
    expect(kept).toMatchObject({
      model: "kv",
      by: expect.stringContaining(`process ${process.pid} on `),
      figures: { checked: 1, ratio: 0, classes: { changed_outside: 1 } },
    });
    expect(JSON.stringify(kept)).not.toContain("private");
  });
});
