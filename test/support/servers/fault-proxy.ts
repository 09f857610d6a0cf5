import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";

/** What is wrong with a connection. The faults named together hold together; those not named are lifted. */
export interface LinkFault {
  /** What is sent arrives so much later, milliseconds, in its order. */
  readonly latencyMs?: number;
  /** No more than this arrives in a second, in pieces of {@link PIECE_BYTES} at most. */
  readonly bytesPerSecond?: number;
  /**
   * Nothing arrives in this direction, not even that the other end has closed, and nobody is told. What was sent
   * arrives once the fault is lifted, as what a network lost for a while is sent again.
   */
  readonly hole?: "to-server" | "to-client" | "both";
}

/** A throttled message arrives in several pieces, so that its reader meets half of it. */
export const PIECE_BYTES = 1024;

/** So much may wait in one direction before the sender is no longer read. */
const WAITING_BYTES_MAX = 256 * 1024;

/**
 * A way to a port of this machine that can be made as bad as a network can be. All its connections share the fault
 * that was set last; each can be given another one, and be cut.
 */
export class FaultProxy {
  readonly port: number;
  readonly #listener: Server;
  readonly #clock: Clock;
  readonly #links = new Set<FaultyLink>();
  #targetPort: number;
  #fault: LinkFault = {};
  #isRefusing = false;
  #holding: Holding | undefined;

  private constructor(listener: Server, targetPort: number, clock: Clock) {
    this.port = (listener.address() as AddressInfo).port;
    this.#listener = listener;
    this.#targetPort = targetPort;
    this.#clock = clock;
    listener.on("connection", (near) => this.#accept(near));
  }

  /** Listens on a free loopback port. */
  static async open(targetPort: number, clock: Clock = systemClock): Promise<FaultProxy> {
    // One side may have ended while the other still speaks.
    const listener = createServer({ allowHalfOpen: true });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    return new FaultProxy(listener, targetPort, clock);
  }

  /** The connections that are open, oldest first. */
  get links(): readonly FaultyLink[] {
    return [...this.#links];
  }

  /** Gives all connections, and those to come, this fault instead of the one before. */
  set(fault: LinkFault): void {
    this.#fault = fault;
    for (const link of this.#links) link.set(fault);
  }

  /**
   * Waits for the first piece on its way to the server that `isIt` says yes to. It is held back with whatever follows on
   * its connection, as by a hole, so that the moment lasts until a fault is set or lifted; other connections go on.
   */
  async holdAt(isIt: (piece: Buffer) => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#holding = { isIt, held: resolve };
    });
  }

  /**
   * New connections are reset as soon as they are made; open ones go on. They are not refused by the system, because
   * a port on which nobody listens for a moment may be taken by somebody else.
   */
  refuse(): void {
    this.#isRefusing = true;
  }

  /** Resets all open connections, with whatever was under way on them. */
  cut(): void {
    for (const link of this.#links) link.cut();
  }

  /** Connections to come lead to another port; open ones stay where they are. */
  retarget(port: number): void {
    this.#targetPort = port;
  }

  /** All is well again for every connection, and what was held back arrives. */
  heal(): void {
    this.#isRefusing = false;
    this.set({});
  }

  async close(): Promise<void> {
    // One that the system has accepted already may still come.
    this.#isRefusing = true;
    this.#listener.close();
    this.cut();
    await once(this.#listener, "close");
  }

  #accept(near: Socket): void {
    if (this.#isRefusing) {
      near.on("error", () => undefined);
      reset(near);
      return;
    }
    const link = new FaultyLink(near, this.#targetPort, this.#clock);
    near.prependListener("data", (piece: Buffer) => this.#look(link, piece));
    link.set(this.#fault);
    this.#links.add(link);
    link.onClosed(() => this.#links.delete(link));
  }

  /** Before the piece is passed on. */
  #look(link: FaultyLink, piece: Buffer): void {
    const holding = this.#holding;
    if (holding?.isIt(piece) !== true) return;
    this.#holding = undefined;
    link.set({ hole: "to-server" });
    holding.held();
  }
}

interface Holding {
  readonly isIt: (piece: Buffer) => boolean;
  readonly held: () => void;
}

/** One connection through the proxy. */
export class FaultyLink {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #toServer: Way;
  readonly #toClient: Way;

  constructor(near: Socket, targetPort: number, clock: Clock) {
    const far = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true });
    this.#near = near;
    this.#far = far;
    this.#toServer = new Way(near, far, clock);
    this.#toClient = new Way(far, near, clock);
    for (const socket of [near, far]) socket.setNoDelay(true);
  }

  set({ hole, ...pace }: LinkFault): void {
    this.#toServer.set({ ...pace, isHole: hole === "to-server" || hole === "both" });
    this.#toClient.set({ ...pace, isHole: hole === "to-client" || hole === "both" });
  }

  cut(): void {
    for (const socket of [this.#near, this.#far]) reset(socket);
  }

  /** `closed` is called when neither side is open any more. */
  onClosed(closed: () => void): void {
    const check = () => {
      if (this.#near.closed && this.#far.closed) closed();
    };
    this.#near.once("close", check);
    this.#far.once("close", check);
  }
}

interface WayFault {
  readonly latencyMs?: number;
  readonly bytesPerSecond?: number;
  readonly isHole: boolean;
}

interface Waiting {
  readonly dueMs: number;
  /** Or how the sender has ended. */
  readonly what: Buffer | "end" | "reset";
}

/**
 * One direction. What comes waits in a queue until it is due, and one loop passes it on in order; while there is a hole
 * the loop stands still.
 */
class Way {
  readonly #source: Socket;
  readonly #target: Socket;
  readonly #clock: Clock;
  readonly #queue: Waiting[] = [];
  #waitingBytes = 0;
  #fault: WayFault = { isHole: false };
  /** When the throttled line has passed on everything that waits. */
  #lineFreeAtMs = 0;
  #isRunning = false;
  #hasEnded = false;
  #change = new AbortController();

  constructor(source: Socket, target: Socket, clock: Clock) {
    this.#source = source;
    this.#target = target;
    this.#clock = clock;
    let wasReset = false;
    source.on("data", (chunk: Buffer) => this.#take(chunk));
    source.on("error", () => {
      wasReset = true;
    });
    source.on("end", () => this.#end("end"));
    source.on("close", () => this.#end(wasReset ? "reset" : "end"));
    // Whoever waits for a slow target to take more must not wait for one that is gone.
    target.on("close", () => {
      this.#queue.length = 0;
      this.#wake();
    });
  }

  /** What waits under the fault before is due at once, except that a hole still holds it. */
  set(fault: WayFault): void {
    this.#fault = fault;
    this.#lineFreeAtMs = 0;
    this.#queue.splice(
      0,
      this.#queue.length,
      ...this.#queue.map(({ what }) => ({ dueMs: 0, what })),
    );
    this.#wake();
    void this.#run();
  }

  #wake(): void {
    this.#change.abort();
    this.#change = new AbortController();
  }

  #take(chunk: Buffer): void {
    const { bytesPerSecond } = this.#fault;
    const size = bytesPerSecond === undefined ? chunk.length : PIECE_BYTES;
    for (let at = 0; at < chunk.length; at += size) this.#push(chunk.subarray(at, at + size));
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > WAITING_BYTES_MAX) this.#source.pause();
    void this.#run();
  }

  #end(how: "end" | "reset"): void {
    if (this.#hasEnded && how === "end") return;
    this.#hasEnded = true;
    this.#push(how);
    void this.#run();
  }

  #push(what: Waiting["what"]): void {
    const { latencyMs = 0, bytesPerSecond } = this.#fault;
    const nowMs = this.#clock.monotonicMs();
    const bytes = typeof what === "string" ? 0 : what.length;
    const sendingMs = bytesPerSecond === undefined ? 0 : (bytes * 1000) / bytesPerSecond;
    this.#lineFreeAtMs = Math.max(nowMs, this.#lineFreeAtMs) + sendingMs;
    this.#queue.push({ dueMs: this.#lineFreeAtMs + latencyMs, what });
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (!this.#fault.isHole) {
        const [next] = this.#queue;
        if (next === undefined) return;
        const earlyMs = next.dueMs - this.#clock.monotonicMs();
        if (earlyMs > 0) {
          await this.#clock.sleep(earlyMs, this.#change.signal);
          continue;
        }
        this.#queue.shift();
        await this.#pass(next.what);
      }
    } finally {
      this.#isRunning = false;
    }
  }

  async #pass(what: Waiting["what"]): Promise<void> {
    const target = this.#target;
    if (target.destroyed) return;
    if (what === "reset") reset(target);
    else if (what === "end") target.end();
    else {
      this.#waitingBytes -= what.length;
      if (this.#waitingBytes <= WAITING_BYTES_MAX) this.#source.resume();
      if (target.write(what)) return;
      const isOver = new AbortController();
      const { signal } = isOver;
      await Promise.race([once(target, "drain", { signal }), once(target, "close", { signal })])
        .catch(() => undefined)
        .finally(() => isOver.abort());
    }
  }
}

/**
 * Node resets only a connection that is made and has nothing under way: with data that the other end does not read, or
 * an end that is being sent, it would wait, or leave the socket open for good. Those are closed without a reset.
 */
function reset(socket: Socket): void {
  const hasMoreToSend = socket.connecting || socket.writableEnded || socket.writableLength > 0;
  if (hasMoreToSend) socket.destroy();
  else socket.resetAndDestroy();
}
