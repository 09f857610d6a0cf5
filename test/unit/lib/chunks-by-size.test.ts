import { describe, expect, it } from "@jest/globals";
import { chunksBySize } from "../../../src/lib/chunks-by-size.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const itself = (size: number) => size;

describe("chunks by size", () => {
  it("end where the next item would be one too many", () => {
    const limits = { itemsMax: 2, sizeMax: 100 };

    expect(chunksBySize([1, 2, 3, 4, 5], itself, limits)).toEqual([[1, 2], [3, 4], [5]]);
  });

  it("end where the next item would be too much", () => {
    const limits = { itemsMax: 10, sizeMax: 10 };

    expect(chunksBySize([4, 6, 1, 9, 1], itself, limits)).toEqual([[4, 6], [1, 9], [1]]);
  });

  it("give an item that is too large by itself a chunk of its own", () => {
    const limits = { itemsMax: 10, sizeMax: 10 };

    expect(chunksBySize([1, 50, 60, 1], itself, limits)).toEqual([[1], [50], [60], [1]]);
  });

  it("are none of nothing", () => {
    expect(chunksBySize([], itself, { itemsMax: 1, sizeMax: 1 })).toEqual([]);
  });

  it("keep every item in its order and both limits, whatever the sizes", () => {
    const random = new SeededRandom(7);
    for (let round = 0; round < 200; round += 1) {
      const items = Array.from({ length: 50 }, () => Math.floor(random.fraction() * 20));
      const limits = { itemsMax: 1 + (round % 9), sizeMax: 1 + (round % 31) };

      const chunks = chunksBySize(items, itself, limits);

      expect(chunks.flat()).toEqual(items);
      for (const chunk of chunks) {
        const size = chunk.reduce((sum, item) => sum + item, 0);
        expect(chunk.length).toBeLessThanOrEqual(limits.itemsMax);
        expect(chunk.length === 1 || size <= limits.sizeMax).toBe(true);
      }
    }
  });
});
