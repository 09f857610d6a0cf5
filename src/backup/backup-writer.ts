import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { ShadowEntry } from "../model/entry.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { type BackupHeader, rowLine, seal } from "./backup-lines.ts";
import { readBackup } from "./backup-reader.ts";
import { gzipMember, isGzip } from "./framing.ts";

/** For this user only: it holds every value. */
const MODE = 0o600;

/** How far a backup has come. */
export interface WrittenSoFar {
  readonly header: BackupHeader | undefined;
  readonly chunks: number;
  readonly rows: number;
  /** The last key; null = no row of the shadow has been written. */
  readonly after: string | null;
}

/**
 * Writes the file under another name (`.part` behind it) and gives it its own only when all of it is on disk, so that a
 * file of that name is always whole.
 */
export class BackupWriter {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #gzip: boolean;
  #at: number;
  #sha256: string;
  #soFar: WrittenSoFar;

  private constructor(
    path: string,
    file: FileHandle,
    gzip: boolean,
    begun: { readonly at: number; readonly sha256: string; readonly soFar: WrittenSoFar },
  ) {
    this.#path = path;
    this.#file = file;
    this.#gzip = gzip;
    this.#at = begun.at;
    this.#sha256 = begun.sha256;
    this.#soFar = begun.soFar;
  }

  /**
   * Begins a file, or with `resume` goes on after the last whole chunk of one that was begun, if there is one.
   * Errors: INPUT_INVALID where something stands there already; ABORTED.
   */
  static async open(
    path: string,
    {
      gzip,
      resume,
      signal,
    }: {
      readonly gzip: boolean;
      readonly resume: boolean;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<BackupWriter> {
    if (await isThere(path)) throw refused(`${path} exists already.`, "Name another file.");
    const part = partOf(path);
    const isBegun = await isThere(part);
    if (isBegun && !resume) {
      throw refused(
        `${part} is a backup that was begun and not ended.`,
        "Add --resume to go on with it, or remove it.",
      );
    }
    if (!isBegun) {
      const begun = { at: 0, sha256: "", soFar: NOTHING };
      return new BackupWriter(path, await open(part, "wx", MODE), gzip, begun);
    }
    const file = await open(part, "r+");
    try {
      const begun = await wholeParts(file, signal);
      const isCompressed = begun.at === 0 ? gzip : await isGzip(file);
      await file.truncate(begun.at);
      return new BackupWriter(path, file, isCompressed, begun);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get soFar(): WrittenSoFar {
    return this.#soFar;
  }

  async header(header: BackupHeader): Promise<void> {
    await this.#write("", header);
    this.#soFar = { ...this.#soFar, header };
  }

  async chunk(rows: readonly ShadowEntry[], after: string | null): Promise<void> {
    const chunk = this.#soFar.chunks + 1;
    await this.#write(rows.map(rowLine).join(""), { chunk, rows: rows.length, after });
    const soFar = { ...this.#soFar, chunks: chunk, rows: this.#soFar.rows + rows.length, after };
    this.#soFar = soFar;
  }

  /** The last line, all of it to disk, and the file's own name. */
  async finish(): Promise<{ readonly bytes: number; readonly sha256: string }> {
    const { chunks, rows } = this.#soFar;
    await this.#write("", { end: true, chunks, rows });
    await this.#file.sync();
    await this.#file.close();
    await rename(partOf(this.#path), this.#path);
    await syncFolder(dirname(resolve(this.#path)));
    return { bytes: this.#at, sha256: this.#sha256 };
  }

  /** Leaves what there is, for another time. */
  async leave(): Promise<void> {
    await this.#file.close();
  }

  async #write(rows: string, end: Parameters<typeof seal>[2]): Promise<void> {
    const { line, sha256 } = seal(this.#sha256, rows, end);
    const text = Buffer.from(rows + line);
    const bytes = this.#gzip ? await gzipMember(text) : text;
    await writeAll(this.#file, bytes, this.#at);
    this.#at += bytes.length;
    this.#sha256 = sha256;
  }
}

const NOTHING: WrittenSoFar = { header: undefined, chunks: 0, rows: 0, after: null };

/**
 * How far the file is whole and can be gone on with. The last line is made anew, should it be there already; so are the
 * waiting events, where not one row of the shadow follows them: nobody knows at which of them it stopped.
 */
async function wholeParts(file: FileHandle, signal: AbortSignal | undefined) {
  let begun = { at: 0, sha256: "", soFar: NOTHING };
  let soFar = NOTHING;
  try {
    for await (const part of readBackup(file)) {
      stopIfAborted(signal);
      if (part.kind === "end") break;
      if (part.kind === "header") {
        soFar = { ...NOTHING, header: part.header };
      } else {
        const { chunk, after } = part.end;
        soFar = { ...soFar, chunks: chunk, rows: soFar.rows + part.rows.length, after };
      }
      const isEvents = part.kind === "chunk" && part.end.after === null;
      if (!isEvents) begun = { at: part.endsAt, sha256: part.sha256, soFar };
    }
  } catch (error) {
    // What follows the last whole part was under way when the backup ended.
    if (LockstepError.codeOf(error) !== "BACKUP_DAMAGED") throw error;
  }
  return begun;
}

/** Error: ABORTED. */
export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new LockstepError("ABORTED", "The backup was stopped.", {
    hint: "lockstep backup --resume goes on with it, under the same name.",
  });
}

function partOf(path: string): string {
  return `${path}.part`;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Without it, a power failure could take the new name back. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function refused(text: string, hint: string): LockstepError {
  return new LockstepError("INPUT_INVALID", text, { hint });
}
