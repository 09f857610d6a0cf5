/**
 * A version orders all writes of one key: epoch (8 digits) followed by seq (16 digits). Fixed width
 * makes plain string comparison the order in Lua, JavaScript, SQLite and MongoDB alike.
 */
export type Version = string;

const EPOCH_DIGITS = 8;
const SEQ_DIGITS = 16;

/** The epoch of a store whose cache has never lost state. */
export const FIRST_EPOCH = 1;

/** `seq` is microseconds since 1970, pushed forward where the clock stood still; a safe integer until the year 2255. */
export function formatVersion(epoch: number, seq: number): Version {
  return String(epoch).padStart(EPOCH_DIGITS, "0") + String(seq).padStart(SEQ_DIGITS, "0");
}

export function isVersion(text: string): boolean {
  return /^\d{24}$/.test(text);
}

export function epochOf(version: Version): number {
  return Number(version.slice(0, EPOCH_DIGITS));
}

export function seqOf(version: Version): number {
  return Number(version.slice(EPOCH_DIGITS));
}

/** When the version was minted, to the millisecond, by the authority's clock. For people, never for ordering. */
export function writtenAtMs(version: Version): number {
  return Math.floor(seqOf(version) / 1000);
}
