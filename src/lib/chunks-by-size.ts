export interface ChunkLimits {
  readonly itemsMax: number;
  /** Of all items of a chunk together, in the unit of their sizes. */
  readonly sizeMax: number;
}

/** `items` in groups within these limits, as few as their order allows; one that is too large by itself goes alone. */
export function chunksBySize<T>(
  items: readonly T[],
  sizeOf: (item: T) => number,
  { itemsMax, sizeMax }: ChunkLimits,
): T[][] {
  const chunks: T[][] = [];
  let chunk: T[] = [];
  let size = 0;
  for (const item of items) {
    const itemSize = sizeOf(item);
    if (chunk.length === 0 || chunk.length === itemsMax || size + itemSize > sizeMax) {
      chunk = [];
      size = 0;
      chunks.push(chunk);
    }
    chunk.push(item);
    size += itemSize;
  }
  return chunks;
}
