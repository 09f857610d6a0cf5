/** How the beginning of a command on a collection looks on its way to MongoDB: `update` of `users`. */
export function mongoCommand(name: string, collection: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32LE(collection.length + 1);
  return Buffer.concat([
    Buffer.from(`\u0002${name}\u0000`),
    length,
    Buffer.from(`${collection}\u0000`),
  ]);
}
