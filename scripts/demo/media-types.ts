import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const KEY_PREFIX = "demo:media-type:";

/** One record of the data set as the demonstration keeps it. */
export interface DemoRecord {
  readonly key: string;
  /** JSON text. */
  readonly value: string;
}

/**
 * The media types of the package mime-db, which collects those that IANA, Apache and nginx know: about 2,500, each with
 * its source and, where they have them, charset, file extensions and whether they can be compressed.
 */
export function readMediaTypes(): { readonly source: string; readonly records: DemoRecord[] } {
  const { version } = readJson(import.meta.resolve("mime-db/package.json")) as { version: string };
  const types = readJson(import.meta.resolve("mime-db/db.json")) as Record<string, object>;
  const records = Object.entries(types).map(([type, facts]) => ({
    key: KEY_PREFIX + type,
    value: JSON.stringify({ type, ...facts }),
  }));
  return { source: `mime-db ${version}`, records };
}

function readJson(url: string): unknown {
  return JSON.parse(readFileSync(fileURLToPath(url), "utf8"));
}
