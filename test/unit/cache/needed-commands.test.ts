import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { NEEDED_COMMANDS } from "../../../src/cache/drivers/redis/needed-commands.ts";

const folder = join(import.meta.dirname, "../../../src/cache/drivers/redis/scripts");

it("Every command of every script is among those that the doctor asks for", () => {
  const named = new Set(NEEDED_COMMANDS.map(([name]) => name));
  const called = readdirSync(folder).flatMap((file) =>
    Array.from(
      readFileSync(join(folder, file), "utf8").matchAll(/redis\.p?call\(\s*'(\w+)'/g),
      ([, name = ""]) => name.toUpperCase(),
    ),
  );

  expect(called.length).toBeGreaterThan(20);
  expect([...new Set(called)].filter((name) => !named.has(name))).toEqual([]);
});
