import { describe, expect, it } from "@jest/globals";
import { BatchSizer } from "../../../src/lib/batch-sizer.ts";

const MB = 1_000_000;

/** The sizes of the first batches of items that are all as large as this. */
function sizesFor(itemBytes: number, { itemsMax = 500, bytesMax = 4 * MB } = {}): number[] {
  const sizer = new BatchSizer({ itemsMax, bytesMax });
  return Array.from({ length: 6 }, () => {
    const { items } = sizer;
    sizer.saw(items, items * itemBytes);
    return items;
  });
}

describe("BatchSizer", () => {
  it("begins small and grows to the most items where they are small", () => {
    expect(sizesFor(200)).toEqual([8, 32, 128, 500, 500, 500]);
  });

  it("keeps large items within the bytes", () => {
    expect(sizesFor(MB)).toEqual([8, 4, 4, 4, 4, 4]);
  });

  it("lets one item go alone that is larger than a batch", () => {
    expect(sizesFor(10 * MB)).toEqual([8, 1, 1, 1, 1, 1]);
  });

  it("shrinks when larger items come, and grows again after them", () => {
    const sizer = new BatchSizer({ itemsMax: 500, bytesMax: 4 * MB });
    const seen = [200, 200, 200, MB, MB, 200, 200].map((itemBytes) => {
      sizer.saw(sizer.items, sizer.items * itemBytes);
      return sizer.items;
    });

    expect(seen).toEqual([32, 128, 500, 4, 4, 16, 64]);
  });

  it("learns nothing from an empty batch, and never exceeds a small most", () => {
    const sizer = new BatchSizer({ itemsMax: 3, bytesMax: MB });
    sizer.saw(0, 0);

    expect(sizer.items).toBe(3);
  });
});
