import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "@jest/globals";
import { listTools } from "../../../src/app/list-tools.ts";
import { repositoryRoot } from "../lockstep-process.ts";
import { configuredServers, isClientConfig, toolNamesOf } from "./client-config.ts";
import { commandsOf, type Snippet } from "./read-snippets.ts";
import type { ReadmeServers } from "./readme-servers.ts";
import { expectAnswered, expectPrinted } from "./shown-answer.ts";
import { type Finished, Terminal } from "./terminal.ts";

/**
 * Somebody who tries a page's snippets from top to bottom, each in the way that suits its kind. Later snippets build on
 * what earlier ones have started, exported or written.
 */
export class Reader {
  readonly #terminal: Terminal;
  #servers: ReadmeServers | undefined;

  private constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  static async open(): Promise<Reader> {
    return new Reader(await Terminal.open());
  }

  /** From now on, the page's Redis and MongoDB are these. */
  use(servers: ReadmeServers): void {
    this.#servers = servers;
    this.#terminal.standIn("localhost:6379", servers.redisAddress);
    this.#terminal.standIn("localhost:27017", servers.mongoAddress);
  }

  /** Fails where the snippet does not do what the page says, or where no rule knows what to do with it. */
  async tryOut(snippet: Snippet): Promise<void> {
    const { language, label, text, answer } = snippet;
    const kind = label === "" ? language : `${language} ${label}`;
    if (kind === "sh") {
      const printed = await this.#runAll(commandsOf(snippet));
      if (answer !== undefined) expectPrinted(printed, answer);
    } else if (kind === "js") {
      const found = await this.#servers?.query(text);
      if (answer !== undefined) expectAnswered(found, answer);
    } else if (language === "json" && isClientConfig(label)) {
      await this.#connect(label, text);
    } else if (kind !== "text picture") {
      throw new Error(`Line ${snippet.line}: no rule knows how to try ${kind}.`);
    }
  }

  close(): Promise<void> {
    return this.#terminal.close();
  }

  /** Returns what the last command printed. */
  async #runAll(commands: readonly string[]): Promise<string> {
    let printed = "";
    for (const command of commands) printed = await this.#run(command);
    return printed;
  }

  async #run(command: string): Promise<string> {
    // Ends by itself, and takes long: CI does it in a clean clone. The terminal has borrowed what it would install.
    if (command.startsWith("npm ci && ")) {
      expectInCi("npm ci");
      return this.#run(command.slice("npm ci && ".length));
    }
    if (command === "npm start" || command.endsWith("main.js http")) {
      await this.#terminal.serve(command);
      return "";
    }
    // This very test is a part of it.
    if (command === "npm test") expectInCi(command);
    else if (command.startsWith("npm run ")) expectScript(command.slice("npm run ".length));
    else if (command.startsWith("redis-cli "))
      return (await this.#servers?.redisCli(command)) ?? "";
    else if (/^(alias|cp|curl|export|lockstep|node) /.test(command)) return this.#runToEnd(command);
    else throw new Error(`No rule knows how to try: ${command}`);
    return "";
  }

  async #runToEnd(command: string): Promise<string> {
    const finished = await this.#terminal.run(command);
    expectRan(command, finished);
    return finished.stdout;
  }

  async #connect(fileName: string, json: string): Promise<void> {
    for (const server of configuredServers(fileName, this.#terminal.adapt(json))) {
      expectEveryTool(await toolNamesOf(server, this.#terminal.env));
    }
  }
}

function expectRan(command: string, { code, stdout, stderr }: Finished): void {
  // The page says of exit code 1 that a difference was found and is still there.
  const foundDifference = /^(inSync: false|after: null)$/m.test(stdout);
  expect({ command, code, stderr }).toMatchObject({ code: foundDifference ? 1 : 0 });
  if (!command.startsWith("curl ")) return;
  expect(JSON.parse(stdout)).not.toHaveProperty("error");
  expect(JSON.parse(stdout)).not.toHaveProperty("result.isError");
}

function expectEveryTool(names: readonly string[]): void {
  expect(names).toEqual(listTools().map(({ name }) => name));
}

function expectInCi(command: string): void {
  expect(readFileSync(join(repositoryRoot, ".ci/run"), "utf8")).toMatch(
    new RegExp(`^[^#]*\\b${command}\\b`, "m"),
  );
}

/** For scripts that take minutes, or have tests of their own: there is such a script, and it starts a program. */
function expectScript(name: string): void {
  const { scripts } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const program = /node dist\/(\S+)\.js$/.exec(scripts[name] ?? "")?.[1];
  const isThere = existsSync(join(repositoryRoot, `${program}.ts`));
  expect({ name, program, isThere }).toMatchObject({ program: expect.any(String), isThere: true });
}
