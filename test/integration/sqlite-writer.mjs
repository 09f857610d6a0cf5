// Opens the store file given first and writes as fast as it can, each write durable by itself. One
// line on stdout for each thing done: the store's id, then every key that was acknowledged.
// Arguments: file, key prefix, number of writes, "shadow" or "outbox".

import { systemClock } from "../../dist/src/lib/clock.js";
import { systemRandom } from "../../dist/src/lib/random.js";
import { contentHash } from "../../dist/src/model/content-hash.js";
import { openSqlite } from "../../dist/src/store/drivers/sqlite/open-sqlite.js";

const [file, prefix, writes, to] = process.argv.slice(2);
const { store, authority } = await openSqlite({ file, clock: systemClock, random: systemRandom });
console.log(await store.storeId());

for (let at = 0; at < Number(writes); at += 1) {
  const key = `${prefix}:${at}`;
  const command = { op: "set", key, value: key, hash: contentHash(key) };
  const unused = { ttlMs: null, sessionId: null, interactionId: null };
  const { entry } = await authority.write({ ...command, ...unused }, { to });
  console.log(`${entry.version} ${key}`);
}
await store.close();
