import { hostname } from "node:os";

/** Which process of which machine this is, for people who have several. */
export function processName(): string {
  return `process ${process.pid} on ${hostname()}`;
}
