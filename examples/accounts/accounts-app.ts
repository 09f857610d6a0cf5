import type { Redis } from "ioredis";
import type { Connection, Model } from "mongoose";
import mongoose from "mongoose";
import type { Documents, Session, Setting, User } from "./documents.ts";

/**
 * What the application gets wrong, as many do:
 * - bypass: some updates and deletes go to MongoDB alone, and nobody tells the cache (a nightly script, a console)
 * - lost-invalidation: the write deletes a key of another spelling, so the old copy stays
 * - race: a reader that missed the cache fills it with what it read before a write, after that write
 */
export type Bug = "none" | "bypass" | "lost-invalidation" | "race";

/** How long a cached copy lives, seconds. */
const TTL_SEC = 3600;

/**
 * An application as there are many: Mongoose models, and Redis in front of them by hand. Users are cached as JSON,
 * sessions as hashes, settings as plain texts; models.json beside this file says so to Lockstep.
 */
export class AccountsApp {
  readonly #redis: Redis;
  readonly #users: Model<User>;
  readonly #sessions: Model<Session>;
  readonly #settings: Model<Setting>;
  bug: Bug = "none";

  constructor(connection: Connection, redis: Redis) {
    const text = { type: String, required: true } as const;
    this.#redis = redis;
    this.#users = connection.model<User>(
      "User",
      new mongoose.Schema<User>(
        {
          _id: text,
          name: text,
          email: text,
          plan: text,
          address: { street: text, city: text, zip: text },
          tags: [String],
          balanceCents: { type: Number, required: true },
          revision: { type: Number, required: true },
        },
        { collection: "users", timestamps: true, versionKey: false },
      ),
    );
    this.#sessions = connection.model<Session>(
      "Session",
      new mongoose.Schema<Session>(
        { _id: text, userId: text, device: text, lastSeenAt: { type: Date, required: true } },
        { collection: "sessions", versionKey: false },
      ),
    );
    this.#settings = connection.model<Setting>(
      "Setting",
      new mongoose.Schema<Setting>(
        { _id: text, tenant: text, name: text, value: text },
        { collection: "settings", versionKey: false },
      ),
    );
  }

  /** Replaces everything, and caches it as an application would that has run for a while. */
  async seed({ users, sessions, settings }: Documents): Promise<void> {
    await Promise.all([
      this.#users.deleteMany({}),
      this.#sessions.deleteMany({}),
      this.#settings.deleteMany({}),
    ]);
    await this.#users.insertMany(users, { timestamps: false });
    await this.#sessions.insertMany(sessions);
    await this.#settings.insertMany(settings);
    const pipeline = this.#redis.pipeline();
    for (const user of users) pipeline.set(userKey(user._id), JSON.stringify(user), "EX", TTL_SEC);
    for (const session of sessions) {
      pipeline.hset(sessionKey(session._id), sessionFields(session));
      pipeline.expire(sessionKey(session._id), TTL_SEC);
    }
    for (const setting of settings) {
      pipeline.set(settingKey(setting), setting.value, "EX", TTL_SEC);
    }
    await pipeline.exec();
  }

  /** `pause` runs between the look into MongoDB and the fill, where a write may come between. */
  async readUser(id: string, pause: () => Promise<void> = async () => undefined): Promise<User> {
    const cached = await this.#redis.get(userKey(id));
    if (cached !== null) return JSON.parse(cached) as User;
    const user = await this.#users.findById(id).lean<User>().orFail();
    await pause();
    await this.#redis.set(userKey(id), JSON.stringify(user), "EX", TTL_SEC);
    return user;
  }

  async rename(id: string, name: string): Promise<void> {
    const fill = this.bug === "race" ? await this.#beginFill(id) : async () => undefined;
    const user = await this.#users
      .findByIdAndUpdate(id, { $set: { name }, $inc: { revision: 1 } }, { returnDocument: "after" })
      .lean<User>()
      .orFail();
    switch (this.bug) {
      case "bypass":
        return;
      case "lost-invalidation":
        await this.#redis.del(`users:${id}`);
        return;
      case "race":
        await fill();
        return;
      case "none":
        await this.#redis.set(userKey(id), JSON.stringify(user), "EX", TTL_SEC);
    }
  }

  async closeAccount(id: string): Promise<void> {
    await this.#users.deleteOne({ _id: id });
    if (this.bug === "none") await this.#redis.del(userKey(id));
  }

  async touchSession(id: string, lastSeenAt: Date): Promise<void> {
    const session = await this.#sessions
      .findByIdAndUpdate(id, { $set: { lastSeenAt } }, { returnDocument: "after" })
      .lean<Session>()
      .orFail();
    if (this.bug === "none") await this.#redis.hset(sessionKey(id), sessionFields(session));
  }

  async changeSetting(id: string, value: string): Promise<void> {
    const setting = await this.#settings
      .findByIdAndUpdate(id, { $set: { value } }, { returnDocument: "after" })
      .lean<Setting>()
      .orFail();
    if (this.bug === "none") await this.#redis.set(settingKey(setting), value, "EX", TTL_SEC);
  }

  /** A reader misses, and reads what there is before the write; what is answered lets its fill go on. */
  async #beginFill(id: string): Promise<() => Promise<void>> {
    await this.#redis.del(userKey(id));
    let letGoOn: (() => void) | undefined;
    let reading: Promise<User> | undefined;
    await new Promise<void>((hasRead, hasFailed) => {
      const pause = () =>
        new Promise<void>((resolve) => {
          letGoOn = resolve;
          hasRead();
        });
      reading = this.readUser(id, pause);
      reading.catch(hasFailed);
    });
    return async () => {
      letGoOn?.();
      await reading;
    };
  }
}

function userKey(id: string): string {
  return `user:${id}`;
}

function sessionKey(id: string): string {
  return `session:${id}`;
}

function settingKey({ _id, tenant }: Pick<Setting, "_id" | "tenant">): string {
  return `tenant:${tenant}:setting:${_id}`;
}

/** As Redis hashes hold them: texts. */
function sessionFields({ userId, device, lastSeenAt }: Session): Record<string, string> {
  return { userId, device, lastSeenAt: lastSeenAt.toISOString() };
}
