import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { readArguments } from "../../../src/cli/read-arguments.ts";
import { UsageError } from "../../../src/cli/usage-error.ts";

const tool = {
  name: "demo",
  inputSchema: z.toJSONSchema(
    z.strictObject({
      value: z.string(),
      ttlSec: z.int().positive().optional(),
      ratio: z.number().nullable().optional(),
      dryRun: z.boolean().default(false),
      mode: z.enum(["full", "sample"]).optional(),
      choice: z.enum(["left", "right"]).nullable().optional(),
      ids: z.array(z.string()).optional(),
      counts: z.array(z.int()).optional(),
    }),
    { io: "input" },
  ),
};

describe("readArguments", () => {
  it.each([
    ["value=300", { value: "300" }],
    ["value=true", { value: "true" }],
    ["value=", { value: "" }],
    ["value=a=b c", { value: "a=b c" }],
    ['value={"a":1}', { value: '{"a":1}' }],
  ])("keeps text as it is: %s", (word, args) => {
    expect(readArguments([word], tool)).toEqual(args);
  });

  it.each([
    ["ttlSec=300", { ttlSec: 300 }],
    ["ttlSec=-1", { ttlSec: -1 }],
    ["ratio=0.5", { ratio: 0.5 }],
    ["ratio=null", { ratio: null }],
    ["dryRun=true", { dryRun: true }],
    ["mode=sample", { mode: "sample" }],
    ["choice=left", { choice: "left" }],
    ["choice=null", { choice: null }],
    ["ids=a,7,b", { ids: ["a", "7", "b"] }],
    ["ids=", { ids: [] }],
    ["counts=1,2", { counts: [1, 2] }],
  ])("gives a value the type of its field: %s", (word, args) => {
    expect(readArguments(["value=x", word], tool)).toEqual({ value: "x", ...args });
  });

  it.each([
    [["value=x", "ttlSec=soon"], 'ttlSec takes a number, and was given "soon".'],
    [["value=x", "dryRun=maybe"], 'dryRun takes true or false, and was given "maybe".'],
    [["value=x", "ttl=3"], "There is no field ttl, did you mean ttlSec? demo takes value, ttlSec"],
    [["value=x", "__proto__=3"], "There is no field __proto__."],
    [["value=x", "value=y"], "value is given twice."],
    [["value"], "value is not of the form name=value."],
    [["=x"], "=x is not of the form name=value."],
    [["ttlSec=3"], "demo also needs value=…"],
  ])("refuses %j", (words, message) => {
    expect(() => readArguments(words, tool)).toThrow(UsageError);
    expect(() => readArguments(words, tool)).toThrow(message);
  });
});
