import { Interner } from "./kernel/interner.ts";
import type { Redis, World } from "./world.ts";

/**
 * Tells one world from every other by numbers, and replaces its pieces by those that equal pieces of other worlds have.
 * Whatever lies deeper than a container of {@link World} is one piece.
 */
export class Identifier {
  readonly #interner = new Interner();
  #numbers: number[] = [];

  identify(world: World): readonly number[] {
    this.#numbers = [world.now, world.primary, world.servers.length, world.flights.length];
    for (const link of world.links) this.#numbers.push(link);
    for (const redis of world.servers) this.#addRedis(redis);
    this.#addStore(world);
    this.#addPast(world);
    world.saved = this.#shared(world.saved);
    world.left = this.#shared(world.left);
    this.#shareAll(world.copies);
    this.#shareAll(world.flights);
    this.#shareAll(world.locals);
    return this.#numbers;
  }

  #addRedis(redis: Redis): void {
    this.#numbers.push(redis.run, redis.marker ?? -1);
    redis.state = this.#shared(redis.state);
    redis.value = this.#shared(redis.value);
    redis.meta = this.#shared(redis.meta);
    redis.lease = this.#shared(redis.lease);
  }

  #addStore({ store }: World): void {
    this.#numbers.push(store.epoch, store.lastSeq, store.purged);
    store.row = this.#shared(store.row);
    store.events = this.#shared(store.events);
    store.processed = this.#shared(store.processed);
  }

  #addPast({ past }: World): void {
    const { durable, journal, shown, shadowMax, forgotten, foreign, doubtful } = past;
    this.#numbers.push(durable, journal, shown, shadowMax, forgotten, foreign, doubtful);
    this.#numbers.push(past.drift ? 1 : 0);
    past.minted = this.#shared(past.minted);
    past.toldKeyed = this.#shared(past.toldKeyed);
    past.wrong = this.#shared(past.wrong);
  }

  #shareAll<T>(pieces: T[]): void {
    for (let i = 0; i < pieces.length; i += 1) pieces[i] = this.#shared(pieces[i] as T);
  }

  #shared<T>(piece: T): T {
    const number = this.#interner.numberOf(piece);
    this.#numbers.push(number);
    return this.#interner.piece<T>(number);
  }
}
