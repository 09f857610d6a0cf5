import { afterEach, beforeEach } from "@jest/globals";
import { LockstepProcess, openHome, runLockstep } from "../lockstep-process.ts";
import { type TerminalMaker, TerminalProcess } from "../pseudo-terminal.ts";
import type { Variables } from "./open-lockstep.ts";
import { ProxiedServers } from "./proxied-servers.ts";
import type { Backends } from "./use-backends.ts";

/**
 * For each test of the suite around it a home, ways of its own to the servers, and one command of the program that may be
 * under way. After the test, the command is killed and the home is gone.
 */
export function useLongCommand(backends: Backends): LongCommand {
  const command = new LongCommand(backends);
  beforeEach(() => command.beginTest());
  afterEach(() => command.endTest());
  return command;
}

export class LongCommand {
  readonly #backends: Backends;
  #home: Awaited<ReturnType<typeof openHome>> | undefined;
  #proxied: ProxiedServers | undefined;
  #running: LockstepProcess | TerminalProcess | undefined;

  constructor(backends: Backends) {
    this.#backends = backends;
  }

  /** A folder for the files of the test. */
  get folder(): string {
    return begun(this.#home).folder;
  }

  get proxied(): ProxiedServers {
    return begun(this.#proxied);
  }

  start(args: readonly string[], variables: Variables): LockstepProcess {
    return this.#keep(new LockstepProcess(args, this.#environment(variables)));
  }

  startOnTerminal(
    make: TerminalMaker,
    args: readonly string[],
    variables: Variables,
  ): TerminalProcess {
    return this.#keep(new TerminalProcess(make, args, this.#environment(variables)));
  }

  /** Starts it and waits until it is held up; one that ends before fails the test, with what it said. */
  async startUntil(
    held: Promise<void>,
    args: readonly string[],
    variables: Variables,
  ): Promise<void> {
    const started = this.start(args, variables);
    const ended = started.exitCode.then((code) => `ended with ${code}: ${started.stderr}`);
    const before = await Promise.race([held, ended]);
    if (before !== undefined) throw new Error(`The command was not held up, but ${before}`);
  }

  /** What it had on its way to the servers is lost with it. Fails if the command has ended by itself. */
  async kill(): Promise<void> {
    this.#running?.child.kill("SIGKILL");
    const how = await this.#running?.exitCode;
    if (how !== "SIGKILL") throw new Error(`The command was not killed, but ended with ${how}.`);
    this.proxied.redis.cut();
    this.proxied.mongo.cut();
  }

  /** Runs another one to its end. */
  run(args: readonly string[], variables: Variables) {
    return runLockstep(args, this.#environment(variables));
  }

  async beginTest(): Promise<void> {
    this.#running = undefined;
    this.#home = await openHome();
    this.#proxied = await ProxiedServers.open(this.#backends);
  }

  async endTest(): Promise<void> {
    this.#running?.child.kill("SIGKILL");
    await this.#running?.exitCode;
    await this.#proxied?.close();
    await this.#home?.remove();
  }

  #environment(variables: Variables): Record<string, string> {
    return { ...begun(this.#home).env, ...variables };
  }

  #keep<T extends LockstepProcess | TerminalProcess>(started: T): T {
    this.#running = started;
    return started;
  }
}

function begun<T>(part: T | undefined): T {
  if (part === undefined) throw new Error("A command has its home only while a test runs.");
  return part;
}
