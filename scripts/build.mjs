// Compiles to dist/. The output is made beside the old one and takes its place at the end, so that
// a failed build breaks nothing and a running server finds the modules it loads late.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const made = join(root, `dist-${process.pid}`);

try {
  compile();
  copyLuaScripts();
  const bin = join(made, "src/main.js");
  if (existsSync(bin)) chmodSync(bin, 0o755);
  takePlaceOf(join(root, "dist"));
} finally {
  rmSync(made, { recursive: true, force: true });
}

function compile() {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const args = [tsc, "--project", "tsconfig.build.json", "--outDir", made];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status === 0) return;
  rmSync(made, { recursive: true, force: true });
  process.exit(status ?? 1);
}

/** The Redis driver reads its scripts from beside its own file. */
function copyLuaScripts() {
  for (const path of readdirSync(join(root, "src"), { recursive: true })) {
    if (!path.endsWith(".lua")) continue;
    const target = join(made, "src", path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(root, "src", path), target);
  }
}

function takePlaceOf(dist) {
  const old = `${made}-old`;
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(made, dist);
  rmSync(old, { recursive: true, force: true });
}
