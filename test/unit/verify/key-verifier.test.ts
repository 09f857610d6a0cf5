import { describe, expect, it } from "@jest/globals";
import { KeyVerifier } from "../../../src/verify/key-verifier.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { PLANTS, plantIn } from "../../support/plants.ts";
import { ScriptedWriter } from "../../support/scripted-writer.ts";

async function openWorld() {
  const world = await openCacheFirstWorld();
  return { ...world, verifier: new KeyVerifier(world.looker, 16) };
}

describe("KeyVerifier", () => {
  it("shows both sides of a key in step and suggests nothing", async () => {
    const world = await openWorld();
    const writer = new ScriptedWriter(world, "user:1");
    await writer.run(writer.direct("first"));

    expect(await world.verifier.verify("user:1")).toMatchObject({
      key: "user:1",
      copyClass: "ok",
      inSync: true,
      cause: "Both sides hold the same write.",
      cached: { value: { text: "first" } },
      shadow: { value: "first" },
      suggestedAction: null,
    });
  });

  it.each(PLANTS)("calls $copyClass out of sync, and suggests what to do: $what", async (plant) => {
    const world = await openWorld();
    await plantIn(world, plant);

    const report = await world.verifier.verify("user:1");

    expect(report).toMatchObject({ copyClass: plant.copyClass, inSync: false });
    expect(report.suggestedAction).toMatch(/force_sync_repair|backup/);
  });

  it("changes nothing on either side", async () => {
    for (const plant of PLANTS) {
      const world = await openWorld();
      await plantIn(world, plant);
      world.calls.splice(0);

      await world.verifier.verify("user:1");

      const reading = ["observe", "provesRemoval", "unprocessedOf", "get"];
      expect(world.calls.filter((call) => !reading.includes(call.split(".")[1]!))).toEqual([]);
    }
  });

  it("refuses keys that no tool may name, before anyone is asked", async () => {
    const { verifier, calls } = await openWorld();

    await expect(verifier.verify("")).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(verifier.verify("k".repeat(17))).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(verifier.verify("lockstep:x")).rejects.toMatchObject({ code: "KEY_RESERVED" });
    expect(calls).toEqual([]);
  });
});
