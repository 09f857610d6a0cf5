import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mongoose from "mongoose";
import type { Backends } from "../lockstep/use-backends.ts";
import type { WrittenUsers } from "./live-writer.ts";

const { ObjectId } = mongoose.mongo;

export interface User {
  readonly _id: mongoose.mongo.ObjectId;
  readonly name: string;
  readonly tags: readonly string[];
  readonly joined: Date;
  readonly updatedAt: Date;
  readonly __v: number;
}

const DECLARED = {
  name: "accounts.User",
  collection: "users",
  key: "user:{_id}",
  versionField: "__v",
  timestampField: "updatedAt",
};

/** An application that has users in MongoDB and caches them in Redis as JSON, as many do; Lockstep owns neither. */
export class UserApp implements WrittenUsers {
  readonly #backends: Backends;
  #folder: string | undefined;

  constructor(backends: Backends) {
    this.#backends = backends;
  }

  get users(): mongoose.mongo.Collection<User> {
    return this.#backends.database.collection<User>("users");
  }

  /** A user as they are in their n-th version. */
  user(number: number, version = 1, more: Partial<User> = {}): User {
    return {
      _id: new ObjectId(number.toString(16).padStart(24, "0")),
      name: `user ${number} v${version}`,
      tags: ["a", "b"],
      joined: new Date("2026-01-01T00:00:00.000Z"),
      updatedAt: new Date(Date.UTC(2026, 0, 1) + version * 1000),
      __v: version,
      ...more,
    };
  }

  key(number: number): string {
    return `user:${number.toString(16).padStart(24, "0")}`;
  }

  async store(...users: readonly User[]): Promise<void> {
    await this.users.insertMany([...users]);
  }

  async cache(...users: readonly User[]): Promise<void> {
    const pipeline = this.#backends.client.pipeline();
    for (const user of users) pipeline.set(`user:${user._id.toHexString()}`, JSON.stringify(user));
    await pipeline.exec();
  }

  async writeDocument(number: number, version: number): Promise<void> {
    const { _id, ...fields } = this.user(number, version);
    await this.users.updateOne({ _id, __v: { $lt: version } }, { $set: fields });
  }

  writeEntry(number: number, version: number): Promise<void> {
    return this.cache(this.user(number, version));
  }

  async dropEntry(number: number): Promise<void> {
    await this.#backends.client.del(this.key(number));
  }

  /** The version of a user's entry; undefined where there is none. */
  async cached(number: number): Promise<number | undefined> {
    const text = await this.#backends.client.get(this.key(number));
    return text === null ? undefined : (JSON.parse(text) as { __v: number }).__v;
  }

  async stored(number: number): Promise<User | null> {
    return this.users.findOne({ _id: this.user(number)._id });
  }

  /** The variables that declare it to Lockstep; `more` goes into the declaration. */
  variables(more: object = {}): { readonly LOCKSTEP_MODELS_FILE: string } {
    return this.variablesOf({ ...DECLARED, ...more });
  }

  /** The same for other declarations. */
  variablesOf(...models: readonly object[]): { readonly LOCKSTEP_MODELS_FILE: string } {
    this.#folder ??= mkdtempSync(join(tmpdir(), "lockstep-models-"));
    const file = join(this.#folder, "models.json");
    writeFileSync(file, JSON.stringify({ models }));
    return { LOCKSTEP_MODELS_FILE: file };
  }

  close(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}
