import { readPackageInfo } from "../lib/package-info.ts";

const { version, description } = readPackageInfo();

/** How the server introduces itself in every handshake. */
export const serverInfo = { name: "lockstep", title: "Lockstep", version, description };

/** Read by the calling model before it picks a tool. */
export const instructions = `Lockstep keeps each key in a fast cache and in a durable store, and proves that both agree.

- kv_set, kv_get and kv_delete write, read and delete one key. Values are text; put structured data in as JSON.
- verify_key_sync compares one key on both sides; verify_cache_sync compares all of them. Both change nothing. Writes still on their way to the store are not an issue.
- force_sync_repair mends one key that a verification has named. Call it with dryRun first to see what it would do.
- get_cache_ttl_info lists which keys expire, and when.
- The hybrid_sync_* tools show and steer how writes reach the store; kv_set chooses well by itself.

A failed call carries isError and a JSON text with code, message, hint and retryable. Do what the hint says; repeat the call unchanged only where retryable is true, after retryAfterMs.`;
