import { LockstepError } from "../../src/model/lockstep-error.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { type MessageFaults, NO_FAULTS } from "./faults.ts";
import type { Machine } from "./machine.ts";
import type { StepLog } from "./step-log.ts";
import type { Timeline } from "./timeline.ts";

export type ServerName = "redis" | "store";

/** While it lasts, messages between the machine (all machines, where none is named) and the server do not get through. */
export interface Partition {
  readonly server: ServerName;
  readonly machine: string | undefined;
  readonly untilMs: number;
  /** Whether they are lost, or arrive when it is over. */
  readonly holds: boolean;
}

export interface NetworkParts {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly log: StepLog;
  /** After each command that a server has carried out. */
  readonly onCommand: (command: Command) => void;
  readonly onCrash: (machine: Machine) => void;
  /** Whether the store is a library in the process, so that its commands are carried out by a machine that runs, and not elsewhere. */
  readonly isStoreLocal?: boolean;
}

/** How long a driver waits for an answer before it gives the connection up, milliseconds. */
const DRIVER_LIMIT_MS = { redis: 2_000, store: 20_000 } as const;

/** What a driver says of a command that it has sent and that was not answered. */
const LOST_CODE = {
  redis: (method: string) => (method === "write" ? "UNKNOWN_OUTCOME" : "CACHE_UNAVAILABLE"),
  store: (method: string) =>
    MAY_HAVE_WRITTEN.has(method) ? "UNKNOWN_OUTCOME" : "STORE_UNAVAILABLE",
} as const;

/** What a port does in the process itself. */
const NO_COMMAND: ReadonlySet<string | symbol> = new Set(["onLost", "changeStamp"]);

/** What the outcome of a command of the store is called where nobody has answered, because it may have been carried out. */
const MAY_HAVE_WRITTEN = new Set(["applyNewer", "append", "raiseEpoch", "write", "writeRow"]);

/** Commands that are harmless when they are carried out twice, as the ports promise; a write in Redis is not. */
const REPEATABLE = new Set([
  "applyNewer",
  "append",
  "markProcessed",
  "release",
  "acquireLease",
  "acknowledge",
  "settle",
  "withdraw",
  "fill",
  "stamp",
  "raiseEpoch",
]);

/** Replies after which a process acts on what it has read: whoever stands still here acts on what may have changed. */
const READ_BEFORE_ACT = new Set([
  "get",
  "getEach",
  "getMany",
  "claim",
  "observe",
  "takeLease",
  "unprocessedOf",
  "mint",
]);

/** Every command of every process to every server goes through here, and meets what the mix of faults has for it. */
export class Network {
  readonly #parts: NetworkParts;
  readonly #partitions = new Set<Partition>();
  #faults: MessageFaults = NO_FAULTS.messages;
  /** Commands that are not carried out yet. */
  #underWay = 0;

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  get underWay(): number {
    return this.#underWay;
  }

  useFaults(faults: MessageFaults): void {
    this.#faults = faults;
  }

  partition(partition: Partition): void {
    this.#partitions.add(partition);
  }

  /** Partitions end; messages that they hold arrive in their time. */
  heal(): void {
    this.#faults = NO_FAULTS.messages;
    this.#partitions.clear();
  }

  /** The server's port as a process on the machine reaches it. Every method of it must return a promise. */
  connect<Port extends object>(machine: Machine, server: ServerName, port: Port): Port {
    return new Proxy(port, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property, target);
        if (NO_COMMAND.has(property)) return (member as () => void).bind(target);
        if (property === "buckets") return this.connect(machine, server, member as object);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) =>
          this.#send({ machine, server, method: String(property), args }, () =>
            Promise.resolve(Reflect.apply(member, target, args)),
          );
      },
    });
  }

  #send(command: Command, carryOut: () => Promise<unknown>): Promise<unknown> {
    const { machine, server, method } = command;
    const fate = this.#fate(method);
    return new Promise((resolve, reject) => {
      const giveUp = machine.after(DRIVER_LIMIT_MS[server], () => {
        this.#log(command, "no answer");
        reject(lost(server, method));
      });
      const settle = (outcome: Outcome) => {
        giveUp();
        if ("error" in outcome) reject(outcome.error as Error);
        else resolve(outcome.value);
      };
      const requestMs = this.#requestMs(command, fate);
      if (fate === "crash before") this.#crash(machine);
      if (requestMs === undefined) return;
      this.#arrive(command, carryOut, { inMs: requestMs, fate, settle });
      if (fate === "duplicate") {
        const again = requestMs + this.#between(0, 4_000);
        this.#arrive(command, carryOut, { inMs: again, fate: "none", settle: () => undefined });
      }
    });
  }

  #arrive(
    command: Command,
    carryOut: () => Promise<unknown>,
    how: {
      readonly inMs: number;
      readonly fate: Fate;
      readonly settle: (outcome: Outcome) => void;
    },
  ): void {
    const { timeline, onCommand, isStoreLocal = false } = this.#parts;
    this.#underWay += 1;
    const arrived = () => {
      // Not waited for: a step that meets a bucket without its state ends when that has been recovered.
      void outcomeOf(carryOut()).then((outcome) => {
        this.#log(command, outcome);
        onCommand(command);
        this.#reply(command, outcome, how);
      });
    };
    timeline.after(how.inMs, () => {
      this.#underWay -= 1;
      if (isStoreLocal && command.server === "store") command.machine.after(0, arrived);
      else arrived();
    });
  }

  #reply(
    command: Command,
    outcome: Outcome,
    { fate, settle }: { readonly fate: Fate; readonly settle: (outcome: Outcome) => void },
  ): void {
    const { machine, method } = command;
    if (fate === "crash after") this.#crash(machine);
    const replyMs = this.#replyMs(command, fate);
    if (replyMs === undefined) return;
    machine.after(replyMs, () => {
      if (fate !== "pause" || machine.isGone) {
        settle(outcome);
        return;
      }
      const forMs = READ_BEFORE_ACT.has(method)
        ? this.#between(0, 14_000)
        : this.#between(0, 3_000);
      this.#parts.log.add(() => `${machine.name} stands still for ${Math.round(forMs)} ms`);
      machine.pause(forMs);
      machine.after(0, () => settle(outcome));
    });
  }

  #fate(method: string): Fate {
    const { random } = this.#parts;
    const faults = this.#faults;
    const isRead = READ_BEFORE_ACT.has(method);
    let dice = random.fraction();
    const falls = (share: number) => {
      dice -= share;
      return dice < 0;
    };
    if (falls(faults.lostRequest)) return "lost request";
    if (falls(faults.lostReply)) return "lost reply";
    if (falls(faults.lateRequest)) return "late request";
    if (falls(isRead ? 2 * faults.lateReply : faults.lateReply)) return "late reply";
    if (falls(faults.crash)) return random.fraction() < 0.5 ? "crash before" : "crash after";
    if (falls(isRead ? 2 * faults.pause : faults.pause)) return "pause";
    if (falls(faults.duplicate) && REPEATABLE.has(method)) return "duplicate";
    return "none";
  }

  /** How long the request is on its way; undefined = it gets nowhere. */
  #requestMs(command: Command, fate: Fate): number | undefined {
    const usualMs = this.#usualMs();
    if (fate === "lost request") return undefined;
    const lateMs = fate === "late request" ? this.#lateMs() : 0;
    return this.#through(command, usualMs + lateMs);
  }

  #replyMs(command: Command, fate: Fate): number | undefined {
    const usualMs = this.#usualMs();
    if (fate === "lost reply") return undefined;
    const lateMs = fate === "late reply" ? this.#lateMs() : 0;
    return this.#through(command, usualMs + lateMs);
  }

  #through({ machine, server }: Command, inMs: number): number | undefined {
    const { nowMs } = this.#parts.timeline;
    for (const partition of this.#partitions) {
      if (partition.untilMs <= nowMs) this.#partitions.delete(partition);
      else if (
        partition.server === server &&
        (partition.machine === undefined || partition.machine === machine.name)
      )
        return partition.holds ? partition.untilMs - nowMs + inMs : undefined;
    }
    return inMs;
  }

  #crash(machine: Machine): void {
    if (machine.isGone) return;
    this.#parts.log.add(() => `${machine.name} crashes`);
    machine.crash();
    this.#parts.onCrash(machine);
  }

  #usualMs(): number {
    const { random } = this.#parts;
    const fraction = random.fraction();
    return random.fraction() < 0.05 ? this.#between(1, 60) : 0.05 + fraction;
  }

  #lateMs(): number {
    return this.#parts.random.fraction() < 0.5
      ? this.#between(100, 2_500)
      : this.#between(1_500, 30_000);
  }

  #between(fromMs: number, toMs: number): number {
    return fromMs + this.#parts.random.fraction() * (toMs - fromMs);
  }

  #log(command: Command, outcome: Outcome | "no answer"): void {
    this.#parts.log.command(command, outcome);
  }
}

type Fate =
  | "none"
  | "lost request"
  | "lost reply"
  | "late request"
  | "late reply"
  | "duplicate"
  | "crash before"
  | "crash after"
  | "pause";

export interface Command {
  readonly machine: Machine;
  readonly server: ServerName;
  readonly method: string;
  readonly args: readonly unknown[];
}

export type Outcome = { readonly value: unknown } | { readonly error: unknown };

async function outcomeOf(work: Promise<unknown>): Promise<Outcome> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}

function lost(server: ServerName, method: string): LockstepError {
  return new LockstepError(LOST_CODE[server](method), `There was no answer to ${method}.`);
}
