import type { ReadAnswer } from "../src/kv/read-path.ts";
import type { WriteReceipt } from "../src/kv/write-path.ts";
import { writtenAtMs } from "../src/model/version.ts";

/** Rounds a duration for people: a thousandth of a millisecond means nothing to them. */
export function roundedMs(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** Whole seconds left, rounded up so that a living key never shows 0; null = none. */
export function secondsLeft(ms: number | null): number | null {
  return ms === null ? null : Math.ceil(ms / 1000);
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** The part of a receipt that every writing tool answers. */
export function receiptAnswer({ key, method, version, durable, latencyMs }: WriteReceipt) {
  return { key, method, version, durable, latencyMs: roundedMs(latencyMs) };
}

export function readAnswer(key: string, answer: ReadAnswer) {
  const warning = answer.warning === undefined ? {} : { warning: answer.warning };
  if (!answer.found) {
    return {
      key,
      found: false,
      value: null,
      source: answer.source,
      version: null,
      ageMs: null,
      ttlSec: null,
      durable: null,
      ...warning,
    };
  }
  const { value, source, version, expiresAtMs, nowMs, durable } = answer;
  return {
    key,
    found: true,
    value,
    source,
    version,
    ageMs: version === null ? null : Math.max(0, Math.round(nowMs - writtenAtMs(version))),
    ttlSec: secondsLeft(expiresAtMs === null ? null : expiresAtMs - nowMs),
    durable,
    ...warning,
  };
}
