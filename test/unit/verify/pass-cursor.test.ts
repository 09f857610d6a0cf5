import { describe, expect, it } from "@jest/globals";
import { decodePass, encodePass, type PassState } from "../../../src/verify/pass-cursor.ts";

const STATE: PassState = {
  storeId: "store",
  prefix: "user:",
  compared: "contents",
  place: { side: "store", after: "user:é\0😀" },
  inStore: { keys: 10, issues: 2 },
  inCache: { keys: 0, issues: 0 },
};

describe("the cursor of a pass", () => {
  it.each<[string, PassState]>([
    ["in the store", STATE],
    ["at the start of the store", { ...STATE, place: { side: "store", after: null } }],
    ["at the start of the cache", { ...STATE, place: { side: "cache", scan: null } }],
    ["in the outbox", { ...STATE, place: { side: "events", events: { bucket: 3, after: "17" } } }],
    [
      "in the cache, by digests",
      {
        ...STATE,
        compared: "digests",
        place: { side: "cache", scan: { id: "run", cursor: "v:17" } },
        inCache: { keys: 5, issues: 1 },
      },
    ],
  ])("brings back a place %s", (_where, state) => {
    expect(decodePass(encodePass(state))).toEqual(state);
  });

  it("is plain text that may stand in a URL", () => {
    expect(encodePass(STATE)).toMatch(/^[\w-]+$/);
  });

  const cursor = encodePass(STATE);
  const ofAnotherTool = Buffer.from(JSON.stringify([null, 0, 100])).toString("base64url");
  it.each([
    ["empty", ""],
    ["no cursor at all", "page 2"],
    ["that of another tool", ofAnotherTool],
    ["cut off", cursor.slice(0, -1)],
    ["with something behind it", `${cursor}AAAA`],
    ...[3, 20, 60, cursor.length - 2].map((at): [string, string] => [
      `with another letter at ${at}`,
      cursor.slice(0, at) + (cursor[at] === "A" ? "B" : "A") + cursor.slice(at + 1),
    ]),
  ])("is refused where it is %s", (_what, broken) => {
    expect(() => decodePass(broken)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });
});
