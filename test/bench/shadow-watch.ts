import mongoose from "mongoose";

interface ShadowUpdate {
  readonly requestId: number;
  readonly keys: readonly (readonly [key: string, version: string])[];
}

/**
 * Hears of each write of the shadow from the MongoDB driver itself: which versions of which keys a command carried, and
 * when the server, asked for a majority and its journal, said that it has them.
 */
export class ShadowWatch {
  readonly #client: mongoose.mongo.MongoClient;
  readonly #sent = new Map<number, ShadowUpdate>();
  readonly #onLanded: (key: string, version: string, atMs: number) => void;

  /** Of the server that was opened last in this process, with a URI by {@link watched}. */
  constructor(onLanded: (key: string, version: string, atMs: number) => void) {
    const connection = mongoose.connections.at(-1);
    if (connection === undefined) throw new Error("No server is connected to MongoDB.");
    this.#client = connection.getClient();
    this.#onLanded = onLanded;
    this.#client.on("commandStarted", this.#started);
    this.#client.on("commandSucceeded", this.#succeeded);
    this.#client.on("commandFailed", this.#failed);
  }

  close(): void {
    this.#client.off("commandStarted", this.#started);
    this.#client.off("commandSucceeded", this.#succeeded);
    this.#client.off("commandFailed", this.#failed);
  }

  readonly #started = ({
    commandName,
    command,
    requestId,
  }: mongoose.mongo.CommandStartedEvent): void => {
    if (commandName !== "update" || command["update"] !== "kvshadow") return;
    const updates = command["updates"] as readonly mongoose.mongo.Document[];
    const keys = updates.map(({ q, u }) => [String(q._id), versionIn(u)] as const);
    this.#sent.set(requestId, { requestId, keys });
  };

  readonly #succeeded = ({ requestId }: mongoose.mongo.CommandSucceededEvent): void => {
    const update = this.#sent.get(requestId);
    if (update === undefined) return;
    this.#sent.delete(requestId);
    const atMs = performance.now();
    for (const [key, version] of update.keys) this.#onLanded(key, version, atMs);
  };

  readonly #failed = ({ requestId }: mongoose.mongo.CommandFailedEvent): void => {
    this.#sent.delete(requestId);
  };
}

/** The URI with the driver's command events switched on. */
export function watched(uri: string): string {
  return `${uri}${uri.includes("?") ? "&" : "?"}monitorCommands=true`;
}

/** Wherever the update's pipeline keeps it: the version is the one text of 24 digits under that name. */
function versionIn(pipeline: unknown): string {
  const found = /"version":"(\d{24})"/.exec(JSON.stringify(pipeline))?.[1];
  if (found === undefined) throw new Error("An update of the shadow carries no version.");
  return found;
}
