/**
 * Remembers whether this run of the server may ever have evicted a key, by each INFO that was read. One that evicts
 * under another policy, or whose counters were reset, cannot prove anything again until it is restarted.
 */
export class EvictionWatch {
  #runId: string | undefined;
  #commands = 0;
  #mayHaveEvicted = true;

  /** Takes note of an INFO that was just read. */
  see(info: ReadonlyMap<string, string>): void {
    const runId = info.get("run_id");
    const commands = Number(info.get("total_commands_processed"));
    if (runId !== this.#runId) {
      this.#runId = runId;
      this.#commands = 0;
      this.#mayHaveEvicted = false;
    }
    // Every INFO counts itself, so within a run the number only falls by CONFIG RESETSTAT.
    const wasReset = !(commands >= this.#commands);
    this.#commands = commands;
    if (
      wasReset ||
      info.get("maxmemory_policy") !== "noeviction" ||
      info.get("evicted_keys") !== "0"
    ) {
      this.#mayHaveEvicted = true;
    }
  }

  /** True only while nothing seen in this run speaks against it; false before the first INFO. */
  get neverEvicted(): boolean {
    return !this.#mayHaveEvicted;
  }
}
