import { describe, expect, it } from "@jest/globals";
import { parseCommand } from "../../../src/cli/parse-command.ts";
import { UsageError } from "../../../src/cli/usage-error.ts";

describe("parseCommand", () => {
  it.each([
    [[], "stdio"],
    [["stdio"], "stdio"],
    [["http"], "http"],
    [["--help"], "help"],
    [["-h"], "help"],
    [["http", "--help"], "help"],
    [["call", "--help"], "help"],
    [["--version"], "version"],
  ])("%j means %s", (argv, kind) => {
    expect(parseCommand(argv)).toEqual({ kind });
  });

  it.each([
    ["with call", ["call", "kv_set", "key=a", "value=b"]],
    ["without call", ["kv_set", "key=a", "value=b"]],
  ])("runs a tool %s", (_, argv) => {
    expect(parseCommand(argv)).toEqual({
      kind: "call",
      tool: "kv_set",
      words: ["key=a", "value=b"],
      json: false,
      url: undefined,
    });
  });

  it.each([
    [["--json", "--url", "http://a:1", "kv_get", "key=a"]],
    [["kv_get", "key=a", "--url=http://a:1", "--json"]],
    [["call", "kv_get", "--json", "key=a", "--url", "http://a:1"]],
  ])("takes options anywhere: %j", (argv) => {
    expect(parseCommand(argv)).toEqual({
      kind: "call",
      tool: "kv_get",
      words: ["key=a"],
      json: true,
      url: "http://a:1",
    });
  });

  it("takes what follows -- as it stands", () => {
    expect(parseCommand(["kv_get", "--", "--json"])).toMatchObject({ words: ["--json"] });
  });

  it("explains a tool", () => {
    expect(parseCommand(["kv_set", "--help"])).toEqual({ kind: "tool-help", tool: "kv_set" });
  });

  it.each([
    [["alert", "--test"], { kind: "alert", json: false }],
    [["doctor"], { kind: "doctor", json: false, strict: false }],
    [["doctor", "--strict", "--json"], { kind: "doctor", json: true, strict: true }],
    [["check", "--json"], { kind: "check", json: true, strict: false }],
    [
      ["backup", "a.gz", "--gzip"],
      { kind: "backup", file: "a.gz", gzip: true, resume: false, json: false },
    ],
    [
      ["backup", "--resume", "--", "-a"],
      { kind: "backup", file: "-a", gzip: false, resume: true, json: false },
    ],
    [
      ["restore", "--check-only", "a"],
      { kind: "restore", file: "a", checkOnly: true, evenPurged: false, json: false },
    ],
    [
      ["restore", "a", "--even-purged", "--json"],
      { kind: "restore", file: "a", checkOnly: false, evenPurged: true, json: true },
    ],
    [
      ["reconcile_cache"],
      {
        kind: "reconcile_cache",
        model: undefined,
        force: false,
        batchSize: 100,
        maxInstances: undefined,
        checkOnly: false,
        verbose: false,
        json: false,
      },
    ],
    [
      "reconcile_cache --model accounts.User --force --batch-size 500 --max-instances=10000 --check-only --verbose --json".split(
        " ",
      ),
      {
        kind: "reconcile_cache",
        model: "accounts.User",
        force: true,
        batchSize: 500,
        maxInstances: 10_000,
        checkOnly: true,
        verbose: true,
        json: true,
      },
    ],
    [["restore", "a", "--help"], { kind: "command-help", command: "restore" }],
  ])("%j is a command of an operator", (argv, command) => {
    expect(parseCommand(argv)).toEqual(command);
  });

  it.each([
    [["alert"], "sends nothing without --test"],
    [["doctor", "--jso"], "has no option --jso. Did you mean --json?"],
    [["doctor", "--json=yes"], "--json takes no value"],
    [["doctor", "now"], "lockstep doctor does not take now"],
    [
      ["reconcile_cache", "--batch-size", "1001"],
      "--batch-size takes a whole number from 1 to 1000",
    ],
    [["reconcile_cache", "--max-instances", "-5"], "--max-instances"],
    [["reconcile_cache", "--model"], "--model needs a value"],
    [["reconcile_cache", "accounts.User"], "lockstep reconcile_cache does not take accounts.User"],
    [["backup"], "Name the file, as in: lockstep backup"],
    [["restore", "a", "b"], "lockstep restore does not take b"],
    [["call"], "Name the tool"],
    [["--quiet"], "There is no option --quiet"],
    [["http", "9090"], "lockstep http takes no arguments"],
    [["kv_get", "--url", "localhost:8080"], "--url needs the address"],
    [["kv_get", "--url"], "--url needs the address"],
  ])("refuses %j", (argv, message) => {
    expect(() => parseCommand(argv)).toThrow(UsageError);
    expect(() => parseCommand(argv)).toThrow(message);
  });
});
