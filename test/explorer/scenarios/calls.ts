import type { Route, WriterOptions } from "../roles/pinned-writer.ts";

/** The writes that the scenarios are made of. Process 0 writes "a" and "c", process 1 writes "b" and deletes. */

const DIRECT: readonly Route[] = ["direct"];
const EVENT: readonly Route[] = ["event"];

export const setA: WriterOptions = call("set a", 0, "a");
export const setB: WriterOptions = call("set b", 1, "b");
export const setC: WriterOptions = call("set c", 0, "c");
export const deletion: WriterOptions = call("delete", 1, null);

export const byEvent = (call: WriterOptions): WriterOptions => ({ ...call, routes: EVENT });
export const byEither = (call: WriterOptions): WriterOptions => ({
  ...call,
  routes: [...DIRECT, ...EVENT],
});

function call(name: string, process: number, text: string | null): WriterOptions {
  return { name, process, text, expires: false, routes: DIRECT };
}
