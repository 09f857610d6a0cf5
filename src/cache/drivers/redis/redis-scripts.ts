import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const NAMES = [
  "write",
  "observe",
  "contents",
  "exist",
  "ttl",
  "acknowledge",
  "settle",
  "lease",
  "fill",
  "drop",
  "bind",
  "drop-older",
  "set-aside",
  "install",
] as const;

export type ScriptName = (typeof NAMES)[number];

export interface Script {
  readonly text: string;
  readonly sha: string;
}

export type Scripts = Readonly<Record<ScriptName, Script>>;

/** The scripts as they lie beside this file, read once when the driver is loaded. */
const read = (name: string) =>
  readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), "utf8");
const PRELUDE = read("prelude");
const BODIES = new Map(NAMES.map((name) => [name, read(name)]));

/** All scripts, each the head, the prelude and its own file. */
export function scriptsUnder(head: string): Scripts {
  const script = (name: ScriptName): Script => {
    const text = `${head}\n${PRELUDE}\n${BODIES.get(name)}`;
    // Redis names a script by the SHA-1 of its text.
    return { text, sha: createHash("sha1").update(text).digest("hex") };
  };
  return Object.fromEntries(NAMES.map((name) => [name, script(name)])) as Record<
    ScriptName,
    Script
  >;
}
