import {
  cpSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mutant } from "./mutant.ts";

/** All that tests read; README and docs are no part of any killer. */
const COPIED = [
  "src",
  "tools",
  "test",
  "scripts",
  "package.json",
  "jest.config.js",
  "tsconfig.json",
];

/** A copy of the sources in a temporary folder, where code may be broken. */
export class WorkTree {
  readonly path: string;

  constructor(root: string) {
    this.path = realpathSync(mkdtempSync(join(tmpdir(), "lockstep-mutants-")));
    for (const name of COPIED) cpSync(join(root, name), join(this.path, name), { recursive: true });
    symlinkSync(realpathSync(join(root, "node_modules")), join(this.path, "node_modules"));
  }

  /** Breaks the code as told; what is returned mends it again. Fails where the snippet is not there exactly once. */
  apply({
    file,
    original,
    replacement,
  }: Pick<Mutant, "file" | "original" | "replacement">): () => void {
    const path = join(this.path, file);
    const text = readFileSync(path, "utf8");
    const times = text.split(original).length - 1;
    if (times !== 1) throw new Error(`The snippet stands ${times} times in ${file}.`);
    writeFileSync(
      path,
      text.replace(original, () => replacement),
    );
    return () => writeFileSync(path, text);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
