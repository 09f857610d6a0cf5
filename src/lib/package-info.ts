import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface PackageInfo {
  readonly name: string;
  readonly version: string;
  readonly description: string;
}

/** What the package.json above this file says. The file lies one folder deeper once it is compiled. */
export function readPackageInfo(): PackageInfo {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as PackageInfo;
}
