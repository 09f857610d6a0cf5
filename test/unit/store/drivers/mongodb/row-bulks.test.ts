import { describe, expect, it } from "@jest/globals";
import type { ShadowRow } from "../../../../../src/store/drivers/mongodb/shadow-row.ts";
import { encodeRow } from "../../../../../src/store/drivers/mongodb/shadow-row.ts";
import { toRowBulks } from "../../../../../src/store/drivers/mongodb/upsert-rows.ts";
import { entryOf } from "../../../../contract/entries.ts";

describe("toRowBulks", () => {
  it("makes no bulk of no rows", () => {
    expect(toRowBulks([])).toEqual([]);
  });

  it("splits by number and keeps the order", () => {
    const rows = Array.from({ length: 1_200 }, (_, at) => rowOf(`key ${at}`, "value"));

    const bulks = toRowBulks(rows);

    expect(bulks.map((bulk) => bulk.length)).toEqual([500, 500, 200]);
    expect(bulks.flat()).toEqual(rows);
  });

  it("splits by bytes, of which a character may have several", () => {
    const rows = Array.from({ length: 5 }, (_, at) => rowOf(`key ${at}`, "😀".repeat(750_000)));

    expect(toRowBulks(rows).map((bulk) => bulk.length)).toEqual([2, 2, 1]);
  });

  it("sends a row above the limit alone", () => {
    const rows = [rowOf("a", "v"), rowOf("b", "v".repeat(9_000_000)), rowOf("c", "v")];

    expect(toRowBulks(rows).map((bulk) => bulk.length)).toEqual([1, 1, 1]);
  });
});

function rowOf(key: string, value: string): ShadowRow {
  return encodeRow(entryOf({ key, value }), { method: "ASYNC_THREAD", nowMs: 0, graceMs: 0 });
}
