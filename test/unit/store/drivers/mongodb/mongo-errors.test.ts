import { describe, expect, it } from "@jest/globals";
import mongoose from "mongoose";
import {
  documentRefused,
  isMendedByRepeating,
  isMongoFailure,
  isRefusal,
  mayHaveHappened,
} from "../../../../../src/store/drivers/mongodb/mongo-errors.ts";

const { MongoError, MongoInvalidArgumentError, MongoNetworkError, MongoServerError } =
  mongoose.mongo;

describe("mayHaveHappened", () => {
  it.each([50, 64, 91, 189, 262, 11600, 11601, 11602])(
    "is true where the server broke off with code %i",
    (code) => {
      expect(mayHaveHappened(new MongoServerError({ message: "broken off", code }))).toBe(true);
    },
  );

  it.each([13, 112, 10107, 10334, 11000])(
    "is false where the server refused with code %i",
    (code) => {
      expect(mayHaveHappened(new MongoServerError({ message: "refused", code }))).toBe(false);
    },
  );

  it("is true where a connection broke", () => {
    expect(mayHaveHappened(new MongoNetworkError("connection 3 closed"))).toBe(true);
  });

  it("is false where no connection was had", () => {
    const refusal = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    const handshake = new MongoNetworkError("closed");
    handshake.addErrorLabel("HandshakeError");

    expect(mayHaveHappened(new MongoNetworkError("refused", { cause: refusal }))).toBe(false);
    expect(mayHaveHappened(handshake)).toBe(false);
  });
});

describe("what a socket says that was reset before the driver wrote to it", () => {
  const reset = Object.assign(new Error("write ECONNRESET"), {
    code: "ECONNRESET",
    syscall: "write",
  });

  it("is a failure of MongoDB, after which a write may have happened and can be repeated", () => {
    expect(isMongoFailure(reset)).toBe(true);
    expect(mayHaveHappened(reset)).toBe(true);
    expect(isMendedByRepeating(reset)).toBe(true);
  });

  it("is not taken for an error of our own", () => {
    expect(isMongoFailure(new Error("write ECONNRESET"))).toBe(false);
    expect(isMongoFailure(new TypeError("undefined is not a function"))).toBe(false);
  });
});

describe("isRefusal", () => {
  it.each([
    [121, true],
    [10334, true],
    [11000, true],
    [13, false],
    [50, false],
    [189, false],
  ])("of the server's code %i is %s", (code, expected) => {
    expect(isRefusal(new MongoServerError({ message: "refused", code }))).toBe(expected);
  });

  it("is false of a connection that broke", () => {
    expect(isRefusal(new MongoNetworkError("connection 3 closed"))).toBe(false);
  });
});

describe("documentRefused", () => {
  it("tells what was refused and why, and not which value was there twice", () => {
    const message = 'E11000 duplicate key error index: mail_1 dup key: { lastValue: "secret" }';
    const error = documentRefused("write rows", new Error(message), (text) => text);

    expect(error).toMatchObject({
      code: "DOCUMENT_REFUSED",
      message: 'MongoDB refused "write rows": E11000 duplicate key error index: mail_1',
    });
  });
});

describe("isMongoFailure", () => {
  it("is true for what the driver reports, and false for our own mistakes", () => {
    expect(isMongoFailure(new MongoError("anything"))).toBe(true);
    expect(isMongoFailure(new MongoInvalidArgumentError("no such option"))).toBe(false);
    expect(isMongoFailure(new TypeError("undefined is not a function"))).toBe(false);
  });
});
