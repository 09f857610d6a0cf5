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
