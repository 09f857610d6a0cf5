import { Writable } from "node:stream";
import { describe, expect, it } from "@jest/globals";
import { writeTogether } from "../../../../../src/cache/drivers/redis/write-together.ts";

describe("writeTogether", () => {
  it("sends all that is written in one turn at once, also by promises that settle in it", async () => {
    const { stream, sent } = recording();

    stream.write("a");
    stream.write("b");
    await Promise.resolve().then(() => stream.write("c"));
    await nextTurn();

    expect(sent).toEqual(["abc"]);
  });

  it("sends what is written later by itself, in order", async () => {
    const { stream, sent } = recording();

    stream.write("a");
    await nextTurn();
    stream.write("b");
    await nextTurn();

    expect(sent).toEqual(["a", "b"]);
  });

  it("tells the writer of each part when it was sent", async () => {
    const { stream } = recording();
    const told: string[] = [];

    stream.write("a", () => told.push("a"));
    stream.write("b", "utf8", () => told.push("b"));
    await nextTurn();

    expect(told).toEqual(["a", "b"]);
  });
});

function recording() {
  const sent: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      sent.push(String(chunk));
      done();
    },
    writev(chunks, done) {
      sent.push(chunks.map(({ chunk }) => String(chunk)).join(""));
      done();
    },
  });
  writeTogether(stream);
  return { stream, sent };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
