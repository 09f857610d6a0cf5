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

/** The definitions of the prelude in their order, and those before them that each one needs. */
const DEFINITIONS = PRELUDE.split(/(?:\r?\n){2,}/).flatMap((text) => {
  const name = /^(?:--.*\r?\n)*local (?:function )?(\w+)/.exec(text)?.[1];
  if (name === undefined && withoutComments(text).trim() !== "")
    throw new SyntaxError(`prelude.lua has a part that defines nothing: ${text}`);
  return name === undefined ? [] : [{ name, text }];
});

/**
 * As much of the prelude as a body uses: the server makes every function anew on each call of the script, which took a
 * tenth of a write's time when all of them were in each script.
 */
function preludeFor(body: string): string {
  let needing = withoutComments(body);
  const needed: string[] = [];
  for (const { name, text } of DEFINITIONS.toReversed()) {
    if (!new RegExp(`\\b${name}\\b`).test(needing)) continue;
    needed.unshift(text);
    needing += withoutComments(text);
  }
  return needed.join("\n\n");
}

function withoutComments(lua: string): string {
  return lua.replaceAll(/^\s*--.*$/gm, "");
}

const TEXTS = new Map([...BODIES].map(([name, body]) => [name, `${preludeFor(body)}\n\n${body}`]));

/** All scripts, each the head, what it needs of the prelude, and its own file. */
export function scriptsUnder(head: string): Scripts {
  const script = (name: ScriptName): Script => {
    const text = `${head}\n${TEXTS.get(name)}`;
    // Redis names a script by the SHA-1 of its text.
    return { text, sha: createHash("sha1").update(text).digest("hex") };
  };
  return Object.fromEntries(NAMES.map((name) => [name, script(name)])) as Record<
    ScriptName,
    Script
  >;
}
