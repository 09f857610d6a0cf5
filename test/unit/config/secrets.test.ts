import { describe, expect, it } from "@jest/globals";
import { parseConfig } from "../../../src/config/parse-config.ts";
import { makeRedactor, maskConfig } from "../../../src/config/secrets.ts";

const { config } = parseConfig({
  REDIS_URL: "rediss://:c%40che-pass@cache:6379/0",
  MONGODB_URI:
    "mongodb://app:st0re-pass@a:27017,b:27017/lockstep?tlsCertificateKeyFilePassword=key-pass&w=majority",
  LOCKSTEP_HTTP_TOKEN: 'quoted"token',
});

describe("maskConfig", () => {
  it("masks passwords and tokens and leaves the rest readable", () => {
    expect(maskConfig(config)).toMatchObject({
      redisUrl: "rediss://:***@cache:6379/0",
      mongodbUri:
        "mongodb://app:***@a:27017,b:27017/lockstep?tlsCertificateKeyFilePassword=***&w=majority",
      httpToken: "***",
      httpPort: 8_080,
    });
  });
});

describe("makeRedactor", () => {
  const redact = makeRedactor(config);

  it.each([
    ["as written in the address", "cannot reach rediss://:c%40che-pass@cache", "c%40che-pass"],
    ["decoded", "WRONGPASS c@che-pass", "c@che-pass"],
    ["of the store", "Authentication failed: app/st0re-pass", "st0re-pass"],
    ["in a parameter", "key-pass does not open the key", "key-pass"],
    ["inside JSON", JSON.stringify({ authorization: 'Bearer quoted"token' }), 'quoted\\"token'],
  ])("takes a secret out of a text: %s", (_, text, secret) => {
    expect(redact(text)).not.toContain(secret);
    expect(redact(text)).toContain("***");
  });

  it("leaves a text without secrets as it is", () => {
    expect(redact("kv_set took 3 ms")).toBe("kv_set took 3 ms");
  });
});
