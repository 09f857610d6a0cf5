import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { listTools } from "../../src/app/list-tools.ts";
import { repositoryRoot } from "../support/lockstep-process.ts";
import { commandsOf, readSnippets, type Snippet } from "../support/readme/read-snippets.ts";
import { Reader } from "../support/readme/reader.ts";
import { ReadmeServers } from "../support/readme/readme-servers.ts";
import { ANSWERS_WITHIN_MS } from "../support/readme/terminal.ts";
import { describeWith } from "../support/servers/describe-with.ts";

const readme = readRepositoryFile("README.md");
const snippets = readSnippets(readme);
const sectionsWithServers = ["Real servers", "When the copies differ"];
const withServers = snippets.filter(({ section }) => sectionsWithServers.includes(section));
const withoutServers = snippets.filter((snippet) => !withServers.includes(snippet));

let reader: Reader;
beforeAll(async () => {
  reader = await Reader.open();
});
afterAll(() => reader.close());

describe("the README's snippets", () => {
  it.each(titled(withoutServers))(
    "work: %s",
    async (_title, snippet) => {
      await expect(reader.tryOut(snippet)).resolves.toBeUndefined();
    },
    ANSWERS_WITHIN_MS + 30_000,
  );
});

describeWith(["redis", "mongodb"], "the README's snippets for real servers", () => {
  let servers: ReadmeServers;

  beforeAll(async () => {
    servers = await ReadmeServers.start();
    reader.use(servers);
  });
  afterAll(() => servers.close());

  it.each(titled(withServers))("work: %s", async (_title, snippet) => {
    await expect(reader.tryOut(snippet)).resolves.toBeUndefined();
  });
});

describe("the README", () => {
  it("lists every tool and no other", () => {
    const named = [...readme.matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1]!);

    expect(named.toSorted()).toEqual(listTools().map(({ name }) => name));
  });

  it("links to files that exist", () => {
    const targets = [...readme.matchAll(/\]\(([^):]+)\)/g)].map((match) => match[1]!);

    expect(targets.filter((path) => !existsSync(join(repositoryRoot, path)))).toEqual([]);
  });

  it("names settings that exist", () => {
    const known = readRepositoryFile("docs/CONFIG.md");
    const named = readme.match(/LOCKSTEP_\w+/g) ?? [];

    expect(named.filter((name) => !known.includes(`| \`${name}\` |`))).toEqual([]);
  });

  it("needs five words of the glossary, and explains these", () => {
    const glossary = wordsOfTable(
      sectionOf(readRepositoryFile("docs/ARCHITECTURE.md"), "Glossary"),
    );
    const fiveWords = ["cache", "store", "shadow", "outbox", "journal"];
    // These mean here what everybody takes them to mean.
    const known = [...fiveWords, "repair", "version"];

    const needed = glossary.filter((word) => new RegExp(`\\b${word}e?[ds]?\\b`, "i").test(readme));

    expect(wordsOfTable(sectionOf(readme, "Five words"))).toEqual(fiveWords);
    expect(needed.filter((word) => !known.includes(word))).toEqual([]);
  });
});

function titled(list: readonly Snippet[]): [string, Snippet][] {
  return list.map((snippet) => {
    const what = snippet.label || commandsOf(snippet)[0]!.slice(0, 70);
    return [`line ${snippet.line}, ${what}`, snippet];
  });
}

function sectionOf(markdown: string, heading: string): string {
  return markdown.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
}

/** The first column, without its heading. */
function wordsOfTable(markdown: string): readonly string[] {
  const cells = [...markdown.matchAll(/^\| (\w[\w ]*) \|/gm)].map((match) => match[1]!);
  return cells.slice(1);
}

function readRepositoryFile(path: string): string {
  return readFileSync(join(repositoryRoot, path), "utf8");
}
