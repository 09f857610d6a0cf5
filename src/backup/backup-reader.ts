import { isUtf8 } from "node:buffer";
import type { ShadowEntry } from "../model/entry.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import {
  BACKUP_FORMAT,
  type BackupEnd,
  type BackupHeader,
  type ChunkEnd,
  rowOf,
  seal,
} from "./backup-lines.ts";
import { type Block, type ByteSource, readBlocks } from "./framing.ts";

/** A part of a backup whose checksum was right, and where in the file it ends. */
export type BackupPart = (
  | { readonly kind: "header"; readonly header: BackupHeader }
  | { readonly kind: "chunk"; readonly end: ChunkEnd; readonly rows: readonly ShadowEntry[] }
  | { readonly kind: "end"; readonly end: BackupEnd }
) & { readonly endsAt: number; readonly sha256: string };

/**
 * Reads a backup part by part and gives none of which anything is damaged, missing or out of place; one part is in memory
 * at a time. Errors: BACKUP_DAMAGED, which says where; BACKUP_TOO_NEW.
 */
export async function* readBackup(file: ByteSource): AsyncGenerator<BackupPart> {
  const progress = { sha256: "", chunks: 0, rows: 0 };
  let header: BackupHeader | undefined;
  let isOver = false;
  const blocks = readBlocks(file);
  for (;;) {
    const block = await nextBlock(blocks, header === undefined, progress.chunks);
    if (block === undefined) break;
    if (isOver) throw damaged("Something follows its last line.");
    const part = partOf(block, header, progress);
    progress.sha256 = part.sha256;
    if (part.kind === "header") header = part.header;
    if (part.kind === "chunk") {
      progress.chunks += 1;
      progress.rows += part.rows.length;
    }
    isOver = part.kind === "end";
    yield part;
  }
  if (header === undefined) throw damaged("It is empty.");
  if (!isOver) throw damaged(`It ends after chunk ${progress.chunks}, without its last line.`);
}

async function nextBlock(
  blocks: AsyncGenerator<Block>,
  isFirst: boolean,
  chunks: number,
): Promise<Block | undefined> {
  try {
    const next = await blocks.next();
    return next.done === true ? undefined : next.value;
  } catch (error) {
    if (LockstepError.codeOf(error) !== "BACKUP_DAMAGED") throw error;
    throw damagedAt(isFirst, chunks, error);
  }
}

function partOf(
  { rows, end, endsAt }: Block,
  header: BackupHeader | undefined,
  before: { readonly sha256: string; readonly chunks: number; readonly rows: number },
): BackupPart {
  const isFirst = header === undefined;
  const fields = fieldsOf(end);
  // Whatever the checksum says: a newer release may make it in another way.
  if (isFirst && isNewer(fields)) throw tooNew(fields.format);
  const wrong = () => damagedAt(isFirst, before.chunks);
  if (fields === undefined) throw wrong();
  const { line, sha256 } = seal(before.sha256, rows, fields);
  // Byte for byte, so that not even a space can have changed.
  if (!end.equals(Buffer.from(line)) || !isUtf8(rows)) throw wrong();
  if ("lockstep" in fields) {
    if (!isFirst || rows.length > 0) throw wrong();
    return { kind: "header", header: fields, endsAt, sha256 };
  }
  if (isFirst) throw wrong();
  if ("end" in fields) {
    const isComplete = fields.chunks === before.chunks && fields.rows === before.rows;
    if (!isComplete || rows.length > 0) throw wrong();
    return { kind: "end", end: fields, endsAt, sha256 };
  }
  const read = rows.toString().split("\n").slice(0, -1).map(rowOf);
  if (fields.chunk !== before.chunks + 1 || fields.rows !== read.length) throw wrong();
  return { kind: "chunk", end: fields, rows: read, endsAt, sha256 };
}

type Fields = BackupHeader | ChunkEnd | BackupEnd;

/** The fields of a line that ends a part, without its checksum; undefined where it is no such line. */
function fieldsOf(line: Buffer): Fields | undefined {
  if (!isUtf8(line)) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(line.toString());
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { sha256: _, ...fields } = parsed as Fields & { readonly sha256: unknown };
  const isOurs = ["lockstep", "chunk", "end"].some((name) => name in fields);
  return isOurs ? fields : undefined;
}

function isNewer(fields: Fields | undefined): fields is BackupHeader {
  if (fields === undefined || !("lockstep" in fields)) return false;
  return fields.format > BACKUP_FORMAT;
}

function tooNew(format: number): LockstepError {
  return new LockstepError(
    "BACKUP_TOO_NEW",
    `The backup has format ${format}; this release knows formats up to ${BACKUP_FORMAT}.`,
  );
}

function damagedAt(isFirst: boolean, chunks: number, cause?: unknown): LockstepError {
  const where = isFirst
    ? "Its first line is damaged, or it is no backup of Lockstep."
    : `It is damaged or cut off after chunk ${chunks}, in chunk ${chunks + 1} or its last line.`;
  return damaged(where, cause);
}

function damaged(where: string, cause?: unknown): LockstepError {
  return new LockstepError("BACKUP_DAMAGED", `The backup cannot be used. ${where}`, { cause });
}
