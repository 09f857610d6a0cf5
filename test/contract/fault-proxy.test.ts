import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "../../src/lib/clock.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { FaultProxy, PIECE_BYTES } from "../support/servers/fault-proxy.ts";
import { waitUntil } from "../support/wait-until.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

describe("a proxy with faults", () => {
  it("passes everything on, in both directions, in order", async () => {
    const { server, open } = await world();
    const client = await open();

    for (let i = 0; i < 100; i += 1) client.send(`${i},`);
    client.send("x".repeat(300_000));

    const expected = `${Array.from({ length: 100 }, (_, i) => `${i},`).join("")}${"x".repeat(300_000)}`;
    await waitUntil(() => client.received.length === expected.length);
    expect(client.received).toBe(expected);
    expect(server.received).toBe(expected);
  });

  it("passes the end of one side on, and the other may still speak", async () => {
    const { open, links } = await world();
    const client = await open();

    client.socket.end("last words");

    await waitUntil(() => client.isClosed() && links() === 0);
    expect(client.received).toBe("last words");
  });

  it("lets what is sent arrive later by the latency, in each direction", async () => {
    const clock = new ManualClock();
    const { proxy, server, open } = await world({ clock });
    const client = await open();
    proxy.set({ latencyMs: 100 });

    client.send("slow");
    await waitUntil(() => clock.sleeping > 0);
    await clock.advance(99);
    expect(server.received).toBe("");
    await clock.advance(1);
    await waitUntil(() => server.received === "slow");

    await waitUntil(() => clock.sleeping > 0);
    await clock.advance(99);
    expect(client.received).toBe("");
    await clock.advance(1);
    await waitUntil(() => client.received === "slow");
  });

  it("lets no more bytes arrive than the limit, piece by piece", async () => {
    const clock = new ManualClock();
    const { proxy, server, open } = await world({ clock });
    const client = await open();
    proxy.set({ bytesPerSecond: 10 * PIECE_BYTES });

    client.send("x".repeat(5 * PIECE_BYTES));
    await waitUntil(() => clock.sleeping > 0);
    await clock.advance(199);
    await waitUntil(() => server.received.length === PIECE_BYTES);
    await clock.advance(1);
    await waitUntil(() => server.received.length === 2 * PIECE_BYTES);
    await clock.advance(300);
    await waitUntil(() => server.received.length >= 5 * PIECE_BYTES);
    expect(server.received).toHaveLength(5 * PIECE_BYTES);
  });

  it("keeps what is sent into a hole, and everything after it, until it is healed", async () => {
    const { proxy, server, open } = await world();
    const client = await open();
    proxy.set({ hole: "to-server" });

    client.send("into the hole");
    const later = await open();
    later.send(" and later");
    await waitUntil(() => proxy.links.length === 2);
    expect(server.received).toBe("");

    proxy.heal();
    await waitUntil(() => client.received === "into the hole" && later.received === " and later");
  });

  it("keeps the answers alone where the hole is on the way back", async () => {
    const { proxy, server, open } = await world();
    const client = await open();
    proxy.set({ hole: "to-client" });

    client.send("heard");
    await waitUntil(() => server.received === "heard");
    expect(client.received).toBe("");

    proxy.heal();
    await waitUntil(() => client.received === "heard");
  });

  it("hides in a hole that the client has gone, and tells it afterwards", async () => {
    const { proxy, server, open, links } = await world();
    const client = await open();
    await waitUntil(() => server.open === 1);
    proxy.set({ hole: "both" });

    client.send("posthumous");
    client.socket.end();
    await waitUntil(() => client.socket.writableFinished);
    expect(server).toMatchObject({ open: 1, received: "" });

    proxy.heal();
    await waitUntil(() => server.received === "posthumous" && server.open === 0);
    await waitUntil(() => links() === 0);
  });

  it("cuts what is open, and lets new connections through", async () => {
    const { proxy, server, open } = await world();
    const client = await open();
    client.send("before");
    await waitUntil(() => client.received === "before");

    proxy.cut();

    await waitUntil(() => client.isClosed() && server.open === 0);
    expect(client.error).toBe("ECONNRESET");
    const next = await open();
    next.send("after");
    await waitUntil(() => next.received === "after");
  });

  it("gives one connection a fault of its own", async () => {
    const { proxy, open } = await world();
    const [first, second] = [await open(), await open()];
    await waitUntil(() => proxy.links.length === 2);

    proxy.links[0]!.set({ hole: "both" });
    first.send("held");
    second.send("passed");
    await waitUntil(() => second.received === "passed");
    expect(first.received).toBe("");
    proxy.links[0]!.cut();

    await waitUntil(() => first.isClosed());
    expect(second.isClosed()).toBe(false);
  });

  it("refuses new connections alone", async () => {
    const { proxy, open } = await world();
    const old = await open();
    await waitUntil(() => proxy.links.length === 1);
    proxy.refuse();

    const refused = await open();

    await waitUntil(() => refused.isClosed());
    expect(refused.error).toBe("ECONNRESET");
    old.send("still here");
    await waitUntil(() => old.received === "still here");
    proxy.heal();
    const next = await open();
    next.send("back");
    await waitUntil(() => next.received === "back");
  });

  it("resets a connection whose server is not there", async () => {
    const { proxy, server, open } = await world();
    await server.close();

    const client = await open();

    await waitUntil(() => client.isClosed());
    expect(client.error).toBe("ECONNRESET");
    await waitUntil(() => proxy.links.length === 0);
  });

  it("leads new connections to another server once it is told to, and old ones stay", async () => {
    const { proxy, server, open } = await world();
    const other = await echoServer();
    const old = await open();
    await waitUntil(() => server.open === 1);

    proxy.retarget(other.port);
    const next = await open();
    old.send("old");
    next.send("next");

    await waitUntil(() => old.received === "old" && next.received === "next");
    expect([server.received, other.received]).toEqual(["old", "next"]);
  });

  it("holds one connection at a piece that was asked for, until it is told to go on", async () => {
    const { proxy, server, open } = await world();
    const held = await open();
    const other = await open();
    const isHeld = proxy.holdAt((piece) => piece.includes("now"));

    held.send("before,");
    await waitUntil(() => held.received === "before,");
    held.send("now,");
    await isHeld;
    held.send("after,");
    other.send("now too,");
    await waitUntil(() => other.received === "now too,");
    expect(server.received).toBe("before,now too,");

    proxy.set({ hole: "to-client" });
    await waitUntil(() => server.received === "before,now too,now,after,");
    expect(held.received).toBe("before,");
  });
});

async function world({ clock = systemClock } = {}) {
  const server = await echoServer();
  const proxy = await FaultProxy.open(server.port, clock);
  closers.push(() => proxy.close());
  return {
    server,
    proxy,
    links: () => proxy.links.length,
    open: () => openClient(proxy.port),
  };
}

/** Sends back what it gets, and keeps it. */
async function echoServer() {
  const sockets = new Set<Socket>();
  const state = { received: "", open: 0 };
  const listener = createServer((socket) => {
    sockets.add(socket);
    state.open += 1;
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      state.received += chunk.toString();
      socket.write(chunk);
    });
    socket.on("close", () => {
      sockets.delete(socket);
      state.open -= 1;
    });
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const close = async () => {
    if (!listener.listening) return;
    listener.close();
    for (const socket of sockets) socket.destroy();
    await once(listener, "close");
  };
  closers.push(close);
  return Object.assign(state, { port, close });
}

async function openClient(port: number) {
  const socket = connect({ port, host: "127.0.0.1" });
  const client = {
    socket,
    received: "",
    error: undefined as string | undefined,
    send: (text: string) => void socket.write(text),
    isClosed: () => socket.closed,
  };
  socket.on("data", (chunk) => {
    client.received += chunk.toString();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    client.error = error.code;
  });
  await new Promise<void>((resolve) => {
    socket.once("connect", resolve).once("close", () => resolve());
  });
  closers.push(async () => void socket.destroy());
  return client;
}
