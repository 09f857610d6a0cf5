import { describe, expect, it } from "@jest/globals";
import {
  incarnationOf,
  showsIncarnation,
} from "../../../../../src/cache/drivers/redis/incarnation.ts";

const RUN = "a".repeat(40);
const HISTORY = "b".repeat(40);

const infoOf = (fields: Record<string, string> = {}) =>
  new Map(
    Object.entries({
      redis_version: "7.0.15",
      run_id: RUN,
      master_replid: HISTORY,
      ...fields,
    }),
  );
const hidden = new Map<string, string>();

describe("incarnationOf", () => {
  it("names run and history of the server", () => {
    expect(incarnationOf(infoOf()).id).toBe(`${RUN}:${HISTORY}`);
  });

  it.each(["run_id", "master_replid"])("is another one under another %s, scripts too", (field) => {
    const [one, other] = [incarnationOf(infoOf()), incarnationOf(infoOf({ [field]: "c0" }))];

    expect(other.id).not.toBe(one.id);
    for (const name of Object.keys(one.scripts) as (keyof typeof one.scripts)[]) {
      expect(other.scripts[name].sha).not.toBe(one.scripts[name].sha);
    }
  });

  it("is the same one however often it is asked", () => {
    expect(incarnationOf(infoOf())).toEqual(incarnationOf(infoOf()));
  });

  it.each([
    ["7.0.0", false],
    ["7.2.4", false],
    ["10.1.0", false],
    ["6.2.14", true],
    ["6.2", true],
    ["", true],
    ["unstable", true],
  ])("of version %s asks for the run in each script: %s", (version, asks) => {
    const { scripts } = incarnationOf(infoOf({ redis_version: version }));

    for (const { text } of Object.values(scripts)) {
      expect(text.includes("redis.call('INFO', 'server')")).toBe(asks);
    }
  });

  it("of a server that hides itself asks for nothing, and says so", () => {
    const { id, scripts } = incarnationOf(hidden);

    expect(id).toBe("hidden:hidden");
    expect(scripts.write.text).not.toContain("INFO");
    expect(showsIncarnation(hidden)).toBe(false);
    expect(showsIncarnation(infoOf())).toBe(true);
  });

  it.each(["'..redis.call('FLUSHALL')..'", "a b", "", "ABCDEF", "\n"])(
    "lets nothing into a script that is no id: %j",
    (id) => {
      const odd = incarnationOf(infoOf({ run_id: id, master_replid: id }));

      expect(odd.id).toBe("hidden:hidden");
      expect(odd.scripts).toEqual(incarnationOf(infoOf({ run_id: "", master_replid: "" })).scripts);
    },
  );
});
