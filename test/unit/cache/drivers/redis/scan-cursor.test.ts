import { describe, expect, it } from "@jest/globals";
import { parseCursor } from "../../../../../src/cache/drivers/redis/redis-scan.ts";

describe("the cursor of a scan", () => {
  it("begins with the keys that have meta", () => {
    expect(parseCursor(undefined)).toEqual({ sweep: "m", bucket: 0, at: "0" });
  });

  it.each([
    ["m:17", { sweep: "m", bucket: 0, at: "17" }],
    ["v:0", { sweep: "v", bucket: 0, at: "0" }],
    ["v:18446744073709551615", { sweep: "v", bucket: 0, at: "18446744073709551615" }],
    ["p:0:0", { sweep: "p", bucket: 0, at: "0" }],
    ["p:15:120", { sweep: "p", bucket: 15, at: "120" }],
  ])("reads %j", (cursor, place) => {
    expect(parseCursor(cursor)).toEqual(place);
  });

  it.each(["", "0", "m", "m:", "m:-1", "m:1 ", "v:1:2", "p:1", "p:16:0", "p:-1:0", "x:0", "m:1\n"])(
    "refuses %j",
    (cursor) => {
      expect(() => parseCursor(cursor)).toThrow("The cursor is not one that this scan has given.");
    },
  );
});
