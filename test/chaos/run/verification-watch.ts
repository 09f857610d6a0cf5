import { setTimeout as pause } from "node:timers/promises";
import { CLASSES, type CopyClass, isIssue } from "../../../src/verify/classify.ts";
import type { ServerProcess } from "./server-process.ts";

/** An issue that verification has named while the faults went on. */
export interface Alarm {
  readonly server: string;
  readonly atMs: number;
  readonly copyClass: CopyClass;
  readonly count: number;
  readonly keys: readonly string[];
}

/** Between two passes: the load should have the machine most of the time. */
const PAUSE_MS = 50;

interface Report {
  readonly cacheVsShadowSync: {
    readonly counts: Readonly<Record<CopyClass, number>>;
    readonly mismatches: readonly { readonly key: string; readonly class: CopyClass }[];
  };
}

/** Verifies through one server after the other for as long as the faults go on. */
export class VerificationWatch {
  readonly alarms: Alarm[] = [];
  readonly #servers: readonly ServerProcess[];
  #isOver = false;
  #passes = 0;
  #watching: Promise<void> = Promise.resolve();

  constructor(servers: readonly ServerProcess[]) {
    this.#servers = servers;
  }

  /** How many passes had a report. */
  get passes(): number {
    return this.#passes;
  }

  start(): void {
    this.#watching = this.#watch();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#watching;
  }

  /** One pass; what the server does not answer is no finding. */
  async pass(server: ServerProcess): Promise<Report | undefined> {
    const answer = await server.call("verify_cache_sync");
    if (answer.kind !== "answer") return undefined;
    this.#passes += 1;
    return answer.content as unknown as Report;
  }

  async #watch(): Promise<void> {
    for (let turn = 0; !this.#isOver; turn += 1) {
      const server = this.#servers[turn % this.#servers.length]!;
      if (server.isWell) {
        const report = await this.pass(server);
        if (report !== undefined) this.alarms.push(...alarmsOf(server.name, report));
      }
      await pause(PAUSE_MS);
    }
  }
}

export function alarmsOf(server: string, { cacheVsShadowSync }: Report): readonly Alarm[] {
  const { counts, mismatches } = cacheVsShadowSync;
  return (Object.keys(CLASSES) as CopyClass[])
    .filter((copyClass) => isIssue(copyClass) && counts[copyClass] > 0)
    .map((copyClass) => ({
      server,
      atMs: performance.now(),
      copyClass,
      count: counts[copyClass],
      keys: mismatches.filter((found) => found.class === copyClass).map(({ key }) => key),
    }));
}
