import { type Scripts, scriptsUnder } from "./redis-scripts.ts";

/**
 * One life of a Redis server as far as its data goes: from a start, or a promotion, to the next. What it holds at the
 * beginning of a life may be older than what it held at the end of the one before.
 */
export interface Incarnation {
  /** As the state of a bucket names it: run id and replication id. */
  readonly id: string;
  /** The scripts that run in this life only. */
  readonly scripts: Scripts;
}

/** From this version on a server forgets its scripts when it restarts, and does not send them to its replicas. */
const SCRIPTS_DIE_SINCE = 7;

/** What a managed Redis answers that shows neither id. */
const HIDDEN = "hidden";

/**
 * As {@link Incarnation.id}, by INFO. The replication id changes with every promotion, also that of a primary that was
 * demoted and promoted again, which keeps its run id. (It also changes when the first replica comes or the last one
 * has been gone for an hour; that costs a recovery which finds nothing to do.)
 */
export function incarnationIdOf(info: ReadonlyMap<string, string>): string {
  return `${idIn(info, "run_id")}:${idIn(info, "master_replid")}`;
}

/** Who the server is that gave this INFO, and its scripts. */
export function incarnationOf(info: ReadonlyMap<string, string>): Incarnation {
  const id = incarnationIdOf(info);
  const major = Number.parseInt(info.get("redis_version") ?? "", 10);
  return { id, scripts: scriptsUnder(headOf(id, idIn(info, "run_id"), major)) };
}

/** Whether it can be told of this server that it is another one than before. */
export function showsIncarnation(info: ReadonlyMap<string, string>): boolean {
  return idIn(info, "run_id") !== HIDDEN;
}

/**
 * The run stands in the text of each script, so that a server that has been restarted or promoted does not know the
 * script. Before version 7 it does: scripts are in its AOF and go to its replicas (measured on 6.2.14). There each
 * script asks the server, at about 4 µs a call.
 */
function headOf(id: string, runId: string, major: number): string {
  const asks = !(major >= SCRIPTS_DIE_SINCE) && runId !== HIDDEN;
  const isAnother = asks
    ? `string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') ~= '${runId}'`
    : "false";
  return `local RUN = '${id}'\nlocal function is_another_run() return ${isAnother} end`;
}

/** Only hexadecimal digits may get into a script's text. */
function idIn(info: ReadonlyMap<string, string>, field: string): string {
  const id = info.get(field) ?? "";
  return /^[0-9a-f]+$/.test(id) ? id : HIDDEN;
}
