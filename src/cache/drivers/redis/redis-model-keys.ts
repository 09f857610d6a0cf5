import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ChainableCommander, Redis } from "ioredis";
import type {
  KeyChange,
  KeyChangeOutcome,
  KeyContent,
  KeyLock,
  KeyShape,
  KeysPage,
  ModelKeysPort,
} from "../../model-keys-port.ts";
import { RedisConnection, type RedisConnectionOptions } from "./redis-connection.ts";
import { isUnknownScript } from "./redis-errors.ts";
import { metaKey } from "./redis-keys.ts";

type Argument = string | Buffer;

interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
}

const CHANGE_STRING = readScript("change-string");
const CHANGE_HASH = readScript("change-hash");
const UNLOCK = readScript("unlock");

/**
 * The applications' keys, on a connection of its own: long batches of it do not stand before the calls of others.
 * Its scripts depend on nothing but their keys, so that one that a server has lost is simply loaded and run again.
 */
export class RedisModelKeys implements ModelKeysPort {
  readonly #connection: RedisConnection;

  /** Sends nothing yet. */
  constructor(options: RedisConnectionOptions) {
    this.#connection = new RedisConnection(options);
  }

  async readMany(keys: readonly string[], shape: KeyShape): Promise<readonly KeyContent[]> {
    const [read, own] = await Promise.all([
      this.#together("read", keys, (pipeline, key) => {
        if (shape.type === "string") pipeline.getBuffer(key);
        else if (shape.fields === undefined) pipeline.callBuffer("HGETALL", key);
        else pipeline.hmgetBuffer(key, ...shape.fields);
      }),
      this.#ownAmong(keys),
    ]);
    const contents = read.map(({ error, value }, at): KeyContent | undefined => {
      if (own.has(keys[at] ?? "")) return { type: "lockstep" };
      if (error !== undefined) return undefined;
      return shape.type === "string"
        ? stringContent(value as Buffer | null)
        : hashContent(value as readonly (Buffer | null)[], shape.fields);
    });
    const others = keys.filter((_, at) => contents[at] === undefined);
    const types = await this.#together("TYPE", others, (pipeline, key) => pipeline.type(key));
    const nameOf = new Map(others.map((key, at) => [key, String(types[at]?.value)]));
    return contents.map((content, at): KeyContent => {
      if (content !== undefined) return content;
      const name = nameOf.get(keys[at] ?? "") ?? "none";
      // Its type has changed between the two questions; the next look reads it.
      return name === "none" || name === shape.type ? { type: "none" } : { type: "other", name };
    });
  }

  async scan({
    pattern,
    cursor,
    looked,
  }: {
    readonly pattern: string;
    readonly cursor: string | undefined;
    readonly looked: number;
  }): Promise<KeysPage> {
    // In another life of the server its keys lie in another order, in which an old cursor would leave some out.
    const { id: life } = await this.#connection.incarnation();
    const [, at = "0", of = life] = /^(\d{1,20})@(.+)$/.exec(cursor ?? "") ?? [];
    const [next, found] = await this.#connection.command("SCAN", (client) =>
      client.scanBuffer(of === life ? at : "0", "MATCH", pattern, "COUNT", looked),
    );
    const keys = found.filter((key) => isUtf8(key)).map(String);
    return { keys, cursor: String(next) === "0" ? undefined : `${String(next)}@${life}` };
  }

  count(): Promise<number> {
    return this.#connection.command("DBSIZE", (client) => client.dbsize());
  }

  async lockMany(locks: readonly KeyLock[], holdMs: number): Promise<readonly boolean[]> {
    const taken = await this.#together("lock", locks, (pipeline, { name, token }) =>
      pipeline.set(name, token, "PX", holdMs, "NX"),
    );
    return taken.map(({ value }) => value === "OK");
  }

  async unlockMany(locks: readonly KeyLock[]): Promise<void> {
    await this.#runMany(
      UNLOCK,
      locks.map(({ name, token }) => ({ keys: [name], args: [token] })),
    );
  }

  async changeMany(
    changes: readonly KeyChange[],
    shape: KeyShape,
  ): Promise<readonly KeyChangeOutcome[]> {
    const replies =
      shape.type === "string"
        ? await this.#runMany(CHANGE_STRING, changes.map(stringChange))
        : await this.#runMany(
            CHANGE_HASH,
            changes.map((change) => hashChange(change, shape.fields)),
          );
    return replies as readonly KeyChangeOutcome[];
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Those that Lockstep keeps itself. As a rule none is, which one command tells. */
  async #ownAmong(keys: readonly string[]): Promise<ReadonlySet<string>> {
    if (keys.length === 0) return new Set();
    const metas = keys.map(metaKey);
    const count = await this.#connection.command("EXISTS", (client) => client.exists(...metas));
    if (count === 0) return new Set();
    const each = await this.#together("EXISTS", metas, (pipeline, meta) => pipeline.exists(meta));
    return new Set(keys.filter((_, at) => each[at]?.value === 1));
  }

  /** Runs a script for each call, all in one go; those that met a server without the script once more. */
  async #runMany(
    script: { readonly text: string; readonly sha: string },
    calls: readonly ScriptCall[],
  ): Promise<readonly unknown[]> {
    const run = (some: readonly ScriptCall[]) =>
      this.#together(
        "write",
        some,
        (pipeline, { keys, args }) =>
          pipeline.evalsha(script.sha, keys.length, ...keys, ...(args as string[])),
        isUnknownScript,
      );
    const replies = [...(await run(calls))];
    const unknown = replies.flatMap(({ error }, at) => (error === undefined ? [] : [at]));
    if (unknown.length > 0) {
      await this.#connection.command("SCRIPT LOAD", (client) => client.script("LOAD", script.text));
      const again = await run(unknown.flatMap((at) => calls[at] ?? []));
      for (const [i, at] of unknown.entries()) {
        const reply = again[i];
        // A server that has lost it again right after it was loaded is one that was replaced; the caller looks anew.
        if (reply !== undefined)
          replies[at] = reply.error === undefined ? reply : { value: "moved" };
      }
    }
    return replies.map(({ value }) => value);
  }

  /**
   * Sends one command for each item, all in one go. A refusal that `passes` is part of the answer; any other fails the
   * call.
   */
  async #together<T>(
    name: string,
    items: readonly T[],
    add: (pipeline: ChainableCommander, item: T) => unknown,
    passes: (error: Error) => boolean = isWrongType,
  ): Promise<readonly { readonly error?: Error; readonly value?: unknown }[]> {
    if (items.length === 0) return [];
    return this.#connection.command(name, async (client: Redis) => {
      const pipeline = client.pipeline();
      for (const item of items) add(pipeline, item);
      const replies = (await pipeline.exec()) ?? [];
      return replies.map(([error, value]) => {
        if (error === null) return { value };
        if (!passes(error)) throw error;
        return { error };
      });
    });
  }
}

function stringChange({ key, lock, seen, next, ttlMs }: KeyChange): ScriptCall {
  const digest = seen.type === "string" ? createHash("sha1").update(seen.bytes).digest("hex") : "";
  const bytes = next.type === "string" ? next.bytes : "";
  const action = next.type === "none" ? "remove" : "set";
  const args = [lock.token, digest, action, bytes, ttlText(ttlMs)];
  return { keys: [key, lock.name, metaKey(key)], args };
}

function hashChange(
  { key, lock, seen, next, ttlMs }: KeyChange,
  fields: readonly string[] | undefined,
): ScriptCall {
  const was = seen.type === "hash" ? seen.fields : new Map<string, string>();
  const names = fields ?? [...was.keys()];
  const seenArgs = names.flatMap((name) => [name, was.has(name) ? "1" : "0", was.get(name) ?? ""]);
  const nextArgs = next.type === "hash" ? [...next.fields].flat() : [];
  const action = next.type === "none" ? "remove" : "set";
  const scope = fields === undefined ? "all" : "some";
  const head = [lock.token, action, ttlText(ttlMs), scope, String(names.length)];
  return { keys: [key, lock.name, metaKey(key)], args: [...head, ...seenArgs, ...nextArgs] };
}

function ttlText(ttlMs: number | undefined): string {
  return ttlMs === undefined ? "" : String(ttlMs);
}

function stringContent(bytes: Buffer | null): KeyContent {
  return bytes === null ? { type: "none" } : { type: "string", bytes };
}

/** Of all fields, names and values come in turn; of some, the values alone. */
function hashContent(
  flat: readonly (Buffer | null)[],
  fields: readonly string[] | undefined,
): KeyContent {
  const found = new Map<string, string>();
  for (const value of flat) {
    // As text it would be other bytes, and could not be put back.
    if (value !== null && !isUtf8(value)) return { type: "other", name: "hash of bytes" };
  }
  if (fields === undefined) {
    for (let at = 0; at < flat.length; at += 2) found.set(String(flat[at]), String(flat[at + 1]));
  } else {
    for (const [at, name] of fields.entries()) {
      const value = flat[at];
      if (value !== null && value !== undefined) found.set(name, String(value));
    }
  }
  return found.size === 0 ? { type: "none" } : { type: "hash", fields: found };
}

function isWrongType(error: Error): boolean {
  return error.message.startsWith("WRONGTYPE");
}

/** Read once when the driver is loaded. */
function readScript(name: string): { readonly text: string; readonly sha: string } {
  const text = readFileSync(new URL(`./model-scripts/${name}.lua`, import.meta.url), "utf8");
  // Redis names a script by the SHA-1 of its text.
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}
