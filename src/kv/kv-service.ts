import type { LoadDetector } from "../load/load-detector.ts";
import { contentHash } from "../model/content-hash.ts";
import type { WriterIds } from "../model/entry.ts";
import { checkKey, checkValue, checkWellFormed } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { ReadAnswer, ReadPath } from "./read-path.ts";
import type { Route, WritePath, WriteReceipt } from "./write-path.ts";

export interface SetRequest extends Partial<WriterIds> {
  readonly key: string;
  readonly value: string;
  /** Data TTL, milliseconds; absent or null = none. */
  readonly ttlMs?: number | null;
}

export interface DeleteRequest extends Partial<WriterIds> {
  readonly key: string;
}

/** How the way of a write was chosen, for callers that ask. */
export interface AdaptiveReceipt extends WriteReceipt {
  readonly strategy: Route;
  readonly reason: string;
}

export interface KvLimits {
  readonly keyMaxBytes: number;
  readonly valueMaxBytes: number;
}

/** The longest session or interaction id that is kept, in UTF-8 bytes. */
export const ID_MAX_BYTES = 256;

/** Checks a request, chooses its way, and hands it to the write or the read path. */
export class KvService {
  readonly #writes: WritePath;
  readonly #reads: ReadPath;
  readonly #load: LoadDetector;
  readonly #limits: KvLimits;

  constructor(parts: {
    readonly writes: WritePath;
    readonly reads: ReadPath;
    readonly load: LoadDetector;
    readonly limits: KvLimits;
  }) {
    this.#writes = parts.writes;
    this.#reads = parts.reads;
    this.#load = parts.load;
    this.#limits = parts.limits;
  }

  /** Writes a value by the way that the load suggests, and says which and why. Errors: those of the write path, INPUT_INVALID, KEY_RESERVED, VALUE_TOO_LARGE. */
  async set(request: SetRequest): Promise<AdaptiveReceipt> {
    return this.#adaptive(this.#setCommand(request));
  }

  /** Writes a value, straight to the shadow if it can be reached, whatever the load. */
  async setDirect(request: SetRequest): Promise<WriteReceipt> {
    return this.#writes.write(this.#setCommand(request), "direct");
  }

  /** Deletes a key by the way that the load suggests. */
  async delete(request: DeleteRequest): Promise<AdaptiveReceipt> {
    return this.#adaptive(this.#deleteCommand(request));
  }

  /** Deletes a key, straight in the shadow if it can be reached. */
  async deleteDirect(request: DeleteRequest): Promise<WriteReceipt> {
    return this.#writes.write(this.#deleteCommand(request), "direct");
  }

  /** Errors: those of the read path, INPUT_INVALID, KEY_RESERVED. */
  async get(key: string): Promise<ReadAnswer> {
    checkKey(key, this.#limits.keyMaxBytes);
    return this.#reads.read(key);
  }

  async #adaptive(command: WriteCommand): Promise<AdaptiveReceipt> {
    const { route, reason } = this.#load.choose();
    return { ...(await this.#writes.write(command, route)), strategy: route, reason };
  }

  #setCommand({ key, value, ttlMs, ...ids }: SetRequest): WriteCommand {
    checkKey(key, this.#limits.keyMaxBytes);
    checkValue(value, this.#limits.valueMaxBytes);
    return {
      op: "set",
      key,
      value,
      hash: contentHash(value),
      ttlMs: ttlMs ?? null,
      ...checkedIds(ids),
    };
  }

  #deleteCommand({ key, ...ids }: DeleteRequest): WriteCommand {
    checkKey(key, this.#limits.keyMaxBytes);
    return { op: "delete", key, ...checkedIds(ids) };
  }
}

function checkedIds({ sessionId, interactionId }: Partial<WriterIds>): WriterIds {
  return {
    sessionId: checkedId("sessionId", sessionId),
    interactionId: checkedId("interactionId", interactionId),
  };
}

function checkedId(field: keyof WriterIds, id: string | null | undefined): string | null {
  if (id == null) return null;
  checkWellFormed(field, id);
  const bytes = Buffer.byteLength(id);
  if (bytes > ID_MAX_BYTES) {
    throw new LockstepError(
      "INPUT_INVALID",
      `The ${field} has ${bytes} bytes; at most ${ID_MAX_BYTES} are allowed.`,
    );
  }
  return id;
}
