import { describe, expect, it } from "@jest/globals";
import { parseConnectionString } from "../../../../../src/store/drivers/mongodb/connection-string.ts";

describe("the database", () => {
  it.each([
    ["mongodb://localhost/memory", "memory"],
    ["mongodb://a:1,b:2,c:3/memory?replicaSet=rs0", "memory"],
    ["mongodb://user:secret@localhost/my%2Dmemory", "my-memory"],
    ["mongodb+srv://cluster.example.org/memory", "memory"],
    ["mongodb://localhost", "lockstep"],
    ["mongodb://localhost/", "lockstep"],
    ["mongodb://localhost/?authSource=admin", "lockstep"],
  ])("of %s is %s", (uri, databaseName) => {
    expect(parseConnectionString(uri).databaseName).toBe(databaseName);
  });
});

describe("a text that is no connection string", () => {
  const secret = "s3cret";

  it.each([
    "",
    "localhost:27017",
    `user:${secret}@localhost`,
    `http://user:${secret}@localhost`,
    `mongodb://user:${secret}@`,
    `mongodb://user:${secret}@x@localhost`,
    `mongodb://user:${secret}/x@localhost`,
    `mongodb://${secret}[:x@localhost`,
    `mongodb://user:${secret}@localhost/?noSuchOption=1`,
    `mongodb://user:${secret}@localhost/no.such.name`,
    `mongodb://user:${secret}@localhost/%zz`,
  ])("is refused, and nothing of it but harmless words is repeated: %s", (uri) => {
    let refused: unknown;
    try {
      parseConnectionString(uri);
    } catch (error) {
      refused = error;
    }

    expect(refused).toMatchObject({ code: "CONFIG_INVALID" });
    expect(refused).not.toHaveProperty("cause");
    expect(String(refused)).toMatch(
      /^LockstepError: MONGODB_URI is not a MongoDB connection string/,
    );
    expect(String(refused)).not.toContain(secret);
  });
});

describe("redact", () => {
  it("hides user name and password, as they stand in the URI and decoded", () => {
    const { redact } = parseConnectionString("mongodb://ann:p%40ss@localhost/db");

    expect(redact("ann p%40ss p@ss localhost")).toBe("*** *** *** localhost");
  });

  it("leaves texts alone where the URI has neither", () => {
    const { redact } = parseConnectionString("mongodb://localhost/db");

    expect(redact("connect ECONNREFUSED 127.0.0.1:27017")).toBe(
      "connect ECONNREFUSED 127.0.0.1:27017",
    );
  });
});
