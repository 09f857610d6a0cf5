import { RESERVED_PREFIX } from "../../../model/key.ts";

const KEY = `${RESERVED_PREFIX}doctor`;

/** A user's own key, which an ACL may treat differently. */
const USER_KEY = "doctor:lockstep";

/**
 * Every command that the driver or its scripts send, each in a form that a server takes. They are queued and then
 * discarded, so none of them is ever carried out.
 */
export const NEEDED_COMMANDS: readonly (readonly [name: string, ...args: string[]])[] = [
  ["PING"],
  ["TIME"],
  ["EVALSHA", "0".repeat(40), "0"],
  ["SCRIPT", "LOAD", "return 1"],
  ["GET", USER_KEY],
  ["SET", USER_KEY, "1"],
  ["UNLINK", USER_KEY],
  ["TYPE", USER_KEY],
  ["EXISTS", USER_KEY],
  ["STRLEN", USER_KEY],
  ["PTTL", USER_KEY],
  ["PEXPIREAT", USER_KEY, "1"],
  ["PEXPIRE", USER_KEY, "1"],
  ["PERSIST", USER_KEY],
  ["RENAME", USER_KEY, KEY],
  ["SCAN", "0"],
  ["HGET", KEY, "store"],
  ["HMGET", KEY, "store"],
  ["HSET", KEY, "store", "1"],
  ["ZADD", KEY, "1", "member"],
  ["ZREM", KEY, "member"],
  ["ZSCORE", KEY, "member"],
  ["ZSCAN", KEY, "0"],
  ["ZRANGE", KEY, "0", "0"],
  ["ZRANGEBYSCORE", KEY, "0", "0"],
  ["ZRANDMEMBER", KEY],
  ["ZCOUNT", KEY, "0", "0"],
  // The two that are not needed to work: without them less is known, and less promised.
  ["INFO"],
  ["CONFIG", "GET", "save"],
];
