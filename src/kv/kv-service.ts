import type { LoadDetector } from "../load/load-detector.ts";
import { contentHash } from "../model/content-hash.ts";
import type { WriterIds } from "../model/entry.ts";
import { markOf } from "../model/idempotency.ts";
import { checkKey, checkValue, checkWellFormed } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { isVersion, type Version } from "../model/version.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { WriteCondition } from "../model/write-condition.ts";
import type { ReadAnswer, ReadPath } from "./read-path.ts";
import type { Acknowledgement, Route, WritePath, WriteReceipt } from "./write-path.ts";

/** Under which terms a caller writes. A field that is undefined asks for nothing. */
interface WriteTerms extends Partial<WriterIds> {
  /** "durable" unless told. */
  readonly ack?: Acknowledgement | undefined;
  /** Only if the key now has this version. */
  readonly ifVersion?: Version | undefined;
  /** A repetition with the same key and arguments writes nothing and gets the first answer. */
  readonly idempotencyKey?: string | undefined;
}

export interface SetRequest extends WriteTerms {
  readonly key: string;
  readonly value: string;
  /** Data TTL, milliseconds; absent or null = none. */
  readonly ttlMs?: number | null;
  /** Only if the key does not exist, was deleted or has expired. */
  readonly ifAbsent?: boolean | undefined;
}

export interface DeleteRequest extends WriteTerms {
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

/** The longest session or interaction id, or idempotency key, that is taken, in UTF-8 bytes. */
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
    return this.#adaptive(this.#setCommand(request), request.ack);
  }

  /** Writes a value, straight to the shadow if it can be reached, whatever the load. */
  async setDirect(request: SetRequest): Promise<WriteReceipt> {
    return this.#writes.write(this.#setCommand(request), "direct", request.ack);
  }

  /** Deletes a key by the way that the load suggests. */
  async delete(request: DeleteRequest): Promise<AdaptiveReceipt> {
    return this.#adaptive(this.#deleteCommand(request), request.ack);
  }

  /** Deletes a key, straight in the shadow if it can be reached. */
  async deleteDirect(request: DeleteRequest): Promise<WriteReceipt> {
    return this.#writes.write(this.#deleteCommand(request), "direct", request.ack);
  }

  /**
   * Reads a key; with `minVersion`, never anything older: a cache that is behind is passed over and the store asked.
   * Errors: those of the read path, INPUT_INVALID, KEY_RESERVED, VERSION_NOT_REACHED.
   */
  async get(key: string, minVersion?: Version): Promise<ReadAnswer> {
    checkKey(key, this.#limits.keyMaxBytes);
    if (minVersion !== undefined) checkVersion("minVersion", minVersion);
    const answer = await this.#reads.read(key);
    if (minVersion === undefined || hasReached(answer, minVersion)) return answer;
    const stored = await this.#reads.readStored(key);
    if (hasReached(stored, minVersion)) return stored;
    throw new LockstepError(
      "VERSION_NOT_REACHED",
      `The newest version of ${JSON.stringify(key)} in the store is ${stored.version ?? "none"}, below ${minVersion}.`,
    );
  }

  async #adaptive(command: WriteCommand, ack: Acknowledgement | undefined) {
    const { route, reason } = this.#load.choose(ack);
    const receipt = await this.#writes.write(command, route, ack);
    return { ...receipt, strategy: route, reason } satisfies AdaptiveReceipt;
  }

  #setCommand(request: SetRequest): WriteCommand {
    const { key, value, ttlMs = null } = request;
    checkKey(key, this.#limits.keyMaxBytes);
    checkValue(value, this.#limits.valueMaxBytes);
    const hash = contentHash(value);
    return withTerms({ op: "set", key, value, hash, ttlMs, ...checkedIds(request) }, request);
  }

  #deleteCommand(request: DeleteRequest): WriteCommand {
    const { key } = request;
    checkKey(key, this.#limits.keyMaxBytes);
    return withTerms({ op: "delete", key, ...checkedIds(request) }, request);
  }
}

function withTerms(
  command: WriteCommand,
  { ifVersion, ifAbsent = false, idempotencyKey }: WriteTerms & Pick<SetRequest, "ifAbsent">,
): WriteCommand {
  const condition = conditionOf(ifVersion, ifAbsent);
  const conditional = condition === undefined ? command : { ...command, condition };
  const id = checkedId("idempotencyKey", idempotencyKey);
  if (id === null) return conditional;
  return { ...conditional, idempotencyMark: markOf(id, conditional) };
}

function conditionOf(
  ifVersion: Version | undefined,
  ifAbsent: boolean,
): WriteCondition | undefined {
  if (ifVersion === undefined) return ifAbsent ? { kind: "absent" } : undefined;
  if (ifAbsent) {
    throw new LockstepError("INPUT_INVALID", "ifVersion and ifAbsent cannot both hold; send one.");
  }
  checkVersion("ifVersion", ifVersion);
  return { kind: "version", version: ifVersion };
}

function checkVersion(field: string, version: Version): void {
  if (!isVersion(version))
    throw new LockstepError("INPUT_INVALID", `The ${field} is not a version: it has 24 digits.`);
}

/** A value that has no version may be older than any. */
function hasReached({ version }: ReadAnswer, minVersion: Version): boolean {
  return version != null && version >= minVersion;
}

function checkedIds({ sessionId, interactionId }: Partial<WriterIds>): WriterIds {
  return {
    sessionId: checkedId("sessionId", sessionId),
    interactionId: checkedId("interactionId", interactionId),
  };
}

function checkedId(
  field: keyof WriterIds | "idempotencyKey",
  id: string | null | undefined,
): string | null {
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
