import { describe, expect, it } from "@jest/globals";
import type { CacheMeta } from "../../../../../src/cache/cache-port.ts";
import {
  decodeMeta,
  encodeIds,
  encodeMeta,
  hashBytes,
} from "../../../../../src/cache/drivers/redis/meta-codec.ts";
import { contentHash, SHORT_HASH_HEX } from "../../../../../src/model/content-hash.ts";
import type { IdempotencyRecords } from "../../../../../src/model/idempotency.ts";
import { FIRST_EPOCH, formatVersion } from "../../../../../src/model/version.ts";
import { recordNo } from "../../../../contract/entries.ts";
import { type SeededRandom, seeded } from "../../../../support/seeded-random.ts";

const version = formatVersion(FIRST_EPOCH, 1_767_225_600_000_123);
const live: CacheMeta = {
  version,
  shortHash: contentHash("value").slice(0, SHORT_HASH_HEX),
  expiresAtMs: null,
  tombstone: false,
  sessionId: null,
  interactionId: null,
};

describe("the packed meta", () => {
  it("is 28 bytes for a clean value that stays", () => {
    const packed = encodeMeta(live);

    expect(packed).toHaveLength(28);
    expect(packed.toString("latin1", 0, 1)).toBe("L");
    expect(packed.toString("hex", 1, 12)).toBe(
      "00000001" + (1_767_225_600_000_123).toString(16).padStart(14, "0"),
    );
    expect(packed.toString("hex", 12)).toBe(live.shortHash);
  });

  it("has a T and zeros for a tombstone", () => {
    const packed = encodeMeta({ ...live, tombstone: true, shortHash: "" });

    expect(packed.toString("latin1", 0, 1)).toBe("T");
    expect(packed.subarray(12)).toEqual(Buffer.alloc(16));
    expect(decodeMeta(packed)).toMatchObject({ tombstone: true, shortHash: "" });
  });

  it("carries the deadline in decimal, and before it is acknowledged the writer behind a bar", () => {
    const packed = Buffer.concat([
      encodeMeta({ ...live, expiresAtMs: 1_767_225_600_000 }),
      Buffer.from('|["séance",null]'),
    ]);

    expect(packed.toString("utf8", 28)).toBe('1767225600000|["séance",null]');
    expect(decodeMeta(packed)).toEqual({
      ...live,
      expiresAtMs: 1_767_225_600_000,
      sessionId: "séance",
    });
  });

  it("carries 43 bytes for each idempotency record, between deadline and writer", () => {
    const idempotency = [recordNo(1), recordNo(2)];
    const meta = { ...live, expiresAtMs: 17, idempotency };

    const packed = encodeMeta(meta);

    expect(packed.toString("latin1", 28, 32)).toBe("17#\u0002");
    expect(packed).toHaveLength(28 + 2 + 2 + 2 * 43);
    expect(decodeMeta(Buffer.concat([packed, Buffer.from('|["s",null]')]))).toEqual({
      ...meta,
      sessionId: "s",
    });
  });

  it(
    "gives back every meta that it was made from",
    seeded((random) => {
      for (let round = 0; round < 500; round += 1) {
        const meta = anyMeta(random);
        const ids = encodeIds(meta);

        const packed = Buffer.concat([encodeMeta(meta), Buffer.from(ids === "" ? "" : `|${ids}`)]);

        expect(decodeMeta(packed)).toEqual(meta);
        // What a guard sends is what the script finds, however often it goes back and forth.
        expect(encodeMeta(decodeMeta(packed))).toEqual(encodeMeta(meta));
      }
    }),
  );

  it("orders versions as their texts are ordered", () => {
    const versions = [
      formatVersion(1, 0),
      formatVersion(1, 255),
      formatVersion(1, 256),
      formatVersion(1, 2 ** 32 - 1),
      formatVersion(1, 2 ** 32),
      formatVersion(1, Number.MAX_SAFE_INTEGER),
      formatVersion(2, 0),
      formatVersion(256, 1),
    ];

    const packed = versions.map((one) => encodeMeta({ ...live, version: one, shortHash: "" }));

    expect(packed.toSorted((one, other) => Buffer.compare(one, other))).toEqual(packed);
    expect(packed.map((one) => decodeMeta(one).version)).toEqual(versions);
  });

  it.each(["[", "{}", "null", "[1,2]", '"text"', "[]", '["only one"]', ""])(
    "has no ids where they are spoilt: %s",
    (text) => {
      const packed = Buffer.concat([encodeMeta(live), Buffer.from(`|${text}`)]);

      const { sessionId, interactionId } = decodeMeta(packed);

      expect([sessionId, interactionId]).toEqual([text.includes("only") ? "only one" : null, null]);
    },
  );
});

describe("hashBytes", () => {
  it("takes the first half of a hash, and zeros where there is none", () => {
    const hash = contentHash("value");

    expect(hashBytes(hash).toString("hex")).toBe(hash.slice(0, 32));
    expect(hashBytes(hash.slice(0, 32)).toString("hex")).toBe(hash.slice(0, 32));
    expect(hashBytes("")).toEqual(Buffer.alloc(16));
  });
});

describe("encodeIds", () => {
  it("is nothing where nobody said who writes, and tells an empty id from none", () => {
    expect(encodeIds({ sessionId: null, interactionId: null })).toBe("");
    expect(encodeIds({ sessionId: "", interactionId: null })).toBe('["",null]');
  });
});

function anyMeta(random: SeededRandom): CacheMeta {
  const tombstone = random.fraction() < 0.3;
  const epoch = 1 + random.integer(2 ** 24 - 1);
  const seq = Math.floor(random.fraction() * Number.MAX_SAFE_INTEGER);
  const endsAtMs = Math.floor(random.fraction() * 1e13);
  return {
    version: formatVersion(epoch, seq),
    shortHash: tombstone ? "" : random.hex(16),
    expiresAtMs: random.fraction() < 0.5 ? null : endsAtMs,
    tombstone,
    sessionId: anyId(random),
    interactionId: anyId(random),
    ...(random.fraction() < 0.5 ? {} : { idempotency: anyRecords(random) }),
  };
}

function anyRecords(random: SeededRandom): IdempotencyRecords {
  return Array.from({ length: 1 + random.integer(3) }, () => ({
    keyHash: random.hex(16),
    argumentsHash: random.hex(16),
    version: formatVersion(1, Math.floor(random.fraction() * Number.MAX_SAFE_INTEGER)),
  }));
}

function anyId(random: SeededRandom): string | null {
  if (random.fraction() < 0.3) return null;
  const pieces = ["|", '"', "\\", "\0", "\n", "é", "😀", "[", "]", "null", "\u2028", "a", "0"];
  return Array.from({ length: random.integer(6) }, () => random.pick(pieces)).join("");
}
