import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";

const root = join(import.meta.dirname, "../../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const spec = read("docs/SPEC.md");

interface Promised {
  /** Such as G1. */
  readonly name: string;
  readonly text: string;
}

interface NamedTest {
  readonly path: string;
  readonly title: string;
}

/** Each invariant and guarantee with all that is said of it. */
function promisesOf(page: string): readonly Promised[] {
  return page.split(/^#{2,3} /m).flatMap((text) => {
    const name = /^([GI]\d+) /.exec(text)?.[1];
    return name === undefined ? [] : [{ name, text }];
  });
}

/** List items that begin with a file of the tests and go on with titles in quotation marks. */
function testsIn(text: string): readonly NamedTest[] {
  return [...text.matchAll(/^- `(test\/[^`]+)`: ((?:.|\n(?! *\n|- ))+)/gm)].flatMap(
    ([, path = "", titles = ""]) =>
      [...titles.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => ({ path, title })),
  );
}

/** What a test file calls its tests; a case of a table of cases is called by its `name`. Skipped tests are not among them. */
function titlesIn(path: string): ReadonlySet<string> {
  const source = existsSync(join(root, path)) ? read(path) : "";
  const literal = String.raw`(?:"((?:[^"\\\n]|\\.)*)"|${"`"}((?:[^${"`"}\\]|\\.)*)${"`"})`;
  const called = String.raw`(?:(?:^|[^.\w])it|\))\(\s*`;
  const named = String.raw`^\s*name:\s*`;
  const found = source.matchAll(new RegExp(`(?:${called}|${named})${literal}`, "gm"));
  return new Set([...found].map(([, quoted, template]) => quoted ?? template ?? ""));
}

const promises = promisesOf(spec);
const named = testsIn(spec);

describe("docs/SPEC.md", () => {
  it("numbers invariants and guarantees without a gap", () => {
    const numbers = (letter: string) =>
      promises
        .filter(({ name }) => name.startsWith(letter))
        .map(({ name }) => Number(name.slice(1)));

    for (const letter of ["I", "G"]) {
      expect(numbers(letter)).toEqual(numbers(letter).map((_, at) => at + 1));
    }
    expect(numbers("I")).toHaveLength(12);
    expect(numbers("G")).toHaveLength(9);
  });

  it.each(promises)(
    "says of $name what its limits are, what keeps it, and what would notice",
    ({ text }) => {
      expect(text).toContain("\n- Limits: ");
      expect(text).toContain("\n- Kept by: ");
      expect(text).toContain("\nChecked by\n");
      expect(testsIn(text)).not.toEqual([]);
    },
  );

  it("names no test that does not exist", () => {
    const missing = named.filter(({ path, title }) => !titlesIn(path).has(title));

    expect(missing).toEqual([]);
  });

  it("leaves no listed test without a title", () => {
    const listed = [...spec.matchAll(/^- `(test\/[^`]+)`/gm)].map(([, path]) => path);

    expect(new Set(named.map(({ path }) => path))).toEqual(new Set(listed));
  });

  it("names files that exist", () => {
    const files = [...spec.matchAll(/`((?:src|test|docs)\/[\w./-]+)`/g)].map(
      ([, path = ""]) => path,
    );

    expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it("names mechanisms that the explorer takes away", () => {
    const order = spec.slice(spec.indexOf("## 3. "), spec.indexOf("## 4. "));
    const rows = [...order.matchAll(/^\|.*\| ([^|]*) \|$/gm)].map(([, cell = ""]) => cell);
    const mechanisms = rows.flatMap((cell) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );
    const known = [...read("docs/EXPLORER.md").matchAll(/^\| `(\w+)` \|/gm)].map(
      ([, name]) => name,
    );

    expect(new Set(mechanisms)).toEqual(new Set(known));
  });

  it.each(["docs/SPEC.md", "docs/ARCHITECTURE.md", "docs/EXPLORER.md", "README.md"])(
    "and its neighbours link to headings that exist: %s",
    (page) => {
      const folder = page.includes("/") ? "docs" : ".";
      const links = [...read(page).matchAll(/\]\(([^):#\s]*)(?:#([^)\s]+))?\)/g)];
      const broken = links.filter(([, path = "", heading]) => {
        const target = path === "" ? page : join(folder, path);
        if (!existsSync(join(root, target))) return true;
        return heading !== undefined && !anchorsOf(read(target)).has(heading);
      });

      expect(broken.map(([link]) => link)).toEqual([]);
    },
  );
});

/** Headings as GitHub makes anchors of them. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) => text);
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
}
