import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const NAMES = [
  "write",
  "observe",
  "ttl",
  "acknowledge",
  "settle",
  "lease",
  "fill",
  "drop",
  "bind",
] as const;

export type ScriptName = (typeof NAMES)[number];

interface Script {
  readonly text: string;
  readonly sha: string;
}

/** All scripts, read once when the driver is loaded; each is the prelude followed by its own file. */
export const SCRIPTS: Readonly<Record<ScriptName, Script>> = load();

function load(): Record<ScriptName, Script> {
  const read = (name: string) =>
    readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), "utf8");
  const prelude = read("prelude");
  const script = (name: ScriptName): Script => {
    const text = `${prelude}\n${read(name)}`;
    // Redis names a script by the SHA-1 of its text.
    return { text, sha: createHash("sha1").update(text).digest("hex") };
  };
  return Object.fromEntries(NAMES.map((name) => [name, script(name)])) as Record<
    ScriptName,
    Script
  >;
}
