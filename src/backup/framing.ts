import { promisify } from "node:util";
import { crc32, deflateRaw, inflateRaw } from "node:zlib";
import { LockstepError } from "../model/lockstep-error.ts";
import { ROW_START } from "./backup-lines.ts";

/** A part of a backup as it stands in the file: its rows, if it has any, and the line that ends it. */
export interface Block {
  readonly rows: Buffer;
  /** With the newline at its end. */
  readonly end: Buffer;
  /** The place in the file where the next one begins. */
  readonly endsAt: number;
}

/** As much of a file's handle as reading needs. */
export interface ByteSource {
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
}

/** Far above the largest row (a value of 15 MB, every letter escaped): a file that is none must not fill the memory. */
const BLOCK_MAX_BYTES = 256 * 1024 * 1024;

const READ_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const ROW_START_BYTES = Buffer.from(ROW_START);

/**
 * A member of a gzip file begins with this: deflate, an extra field and nothing else. The field is ours: the length and
 * the CRC-32 of the compressed bytes, so that one member can be read without the others, and no bit of it can change
 * unnoticed. `gunzip` passes over it.
 */
const MEMBER_START = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 12, 0, 0x4c, 0x4b, 8, 0]);
const MEMBER_HEAD_BYTES = MEMBER_START.length + 8;
const MEMBER_TAIL_BYTES = 8;

const deflate = promisify(deflateRaw);
const inflate = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);

/** A part as a member of a gzip file. */
export async function gzipMember(text: Buffer): Promise<Buffer> {
  const packed = await deflate(text);
  const head = Buffer.alloc(MEMBER_HEAD_BYTES);
  MEMBER_START.copy(head);
  head.writeUInt32LE(packed.length, MEMBER_START.length);
  head.writeUInt32LE(crc32(packed), MEMBER_START.length + 4);
  return Buffer.concat([head, packed, memberTail(text)]);
}

function memberTail(text: Buffer): Buffer {
  const tail = Buffer.alloc(MEMBER_TAIL_BYTES);
  tail.writeUInt32LE(crc32(text), 0);
  tail.writeUInt32LE(text.length, 4);
  return tail;
}

/** Whether the file is compressed. Of an empty one: no. */
export async function isGzip(file: ByteSource): Promise<boolean> {
  const start = await readAt(file, 0, 2);
  return start.equals(MEMBER_START.subarray(0, 2));
}

/** The parts of the file, one after another. Where one is not whole, that is thrown as BACKUP_DAMAGED. */
export async function* readBlocks(file: ByteSource): AsyncGenerator<Block> {
  yield* (await isGzip(file)) ? readMembers(file) : readLines(file);
}

async function* readMembers(file: ByteSource): AsyncGenerator<Block> {
  for (let at = 0; ; ) {
    const head = await readAt(file, at, MEMBER_HEAD_BYTES);
    if (head.length === 0) return;
    const isWhole = head.length === MEMBER_HEAD_BYTES;
    if (!isWhole || !head.subarray(0, MEMBER_START.length).equals(MEMBER_START)) throw notWhole();
    const packedBytes = head.readUInt32LE(MEMBER_START.length);
    if (packedBytes > BLOCK_MAX_BYTES) throw notWhole();
    const restBytes = packedBytes + MEMBER_TAIL_BYTES;
    const rest = await readAt(file, at + MEMBER_HEAD_BYTES, restBytes);
    if (rest.length < restBytes) throw notWhole();
    const packed = rest.subarray(0, packedBytes);
    if (crc32(packed) !== head.readUInt32LE(MEMBER_START.length + 4)) throw notWhole();
    const text = await unpacked(packed);
    if (!memberTail(text).equals(rest.subarray(packedBytes))) throw notWhole();
    at += MEMBER_HEAD_BYTES + restBytes;
    const endLine = text.lastIndexOf(NEWLINE, -2) + 1;
    yield { rows: text.subarray(0, endLine), end: text.subarray(endLine), endsAt: at };
  }
}

async function unpacked(packed: Buffer): Promise<Buffer> {
  try {
    return await inflate(packed, { maxOutputLength: BLOCK_MAX_BYTES });
  } catch (error) {
    throw notWhole(error);
  }
}

async function* readLines(file: ByteSource): AsyncGenerator<Block> {
  /** What has been read and not been given away; `begun` is where in it the line begins that is looked at. */
  let held = Buffer.alloc(0);
  let heldAt = 0;
  let begun = 0;
  let looked = 0;
  for (;;) {
    const newline = held.indexOf(NEWLINE, looked);
    if (newline < 0) {
      const more = await readAt(file, heldAt + held.length, READ_BYTES);
      if (more.length === 0) break;
      looked = held.length;
      if (held.length > BLOCK_MAX_BYTES) throw notWhole();
      held = Buffer.concat([held, more]);
      continue;
    }
    const next = newline + 1;
    if (!held.subarray(begun, begun + ROW_START_BYTES.length).equals(ROW_START_BYTES)) {
      heldAt += next;
      yield { rows: held.subarray(0, begun), end: held.subarray(begun, next), endsAt: heldAt };
      held = held.subarray(next);
      begun = 0;
      looked = 0;
    } else {
      begun = next;
      looked = next;
    }
  }
  if (held.length > 0) throw notWhole();
}

/** Fewer bytes where the file ends. In pieces, since a damaged length asks for memory that no file fills. */
async function readAt(file: ByteSource, position: number, bytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let filled = 0; filled < bytes; ) {
    const piece = Buffer.allocUnsafe(Math.min(bytes - filled, READ_BYTES));
    const { bytesRead } = await file.read(piece, 0, piece.length, position + filled);
    if (bytesRead === 0) break;
    pieces.push(piece.subarray(0, bytesRead));
    filled += bytesRead;
  }
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}

function notWhole(cause?: unknown): LockstepError {
  return new LockstepError("BACKUP_DAMAGED", "A part of the file is not whole.", { cause });
}
