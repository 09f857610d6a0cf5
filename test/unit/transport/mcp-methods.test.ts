import { describe, expect, it } from "@jest/globals";
import { SUPPORTED_PROTOCOL_VERSIONS } from "@modelcontextprotocol/sdk/types.js";
import { silentLog } from "../../../src/lib/log.ts";
import { Envelope } from "../../../src/transport/envelope.ts";
import { type ListedTools, makeMcpMethods } from "../../../src/transport/mcp-methods.ts";
import { supportedVersions } from "../../../src/transport/protocol-versions.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { bindTinyTools, makeTinyServices } from "../../support/tiny-app.ts";

describe("tools/list", () => {
  it("lists the tools by name with schemas, title and all four annotations", async () => {
    const { tools } = (await openMethods()({ method: "tools/list" })) as ListedTools;

    expect(tools.map(({ name }) => name)).toEqual(["count", "echo", "fail", "linger"]);
    expect(tools[1]).toEqual({
      name: "echo",
      title: "Echo",
      description: "Says it again.",
      inputSchema: {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        properties: {
          text: { type: "string", minLength: 1, description: "What to say." },
          times: expect.objectContaining({ type: "integer", description: "How often." }),
        },
        required: ["text"],
        additionalProperties: false,
      },
      outputSchema: expect.objectContaining({ type: "object", required: ["text", "times"] }),
      annotations: {
        readOnlyHint: true,
        destructiveHint: false,
        idempotentHint: true,
        openWorldHint: false,
      },
    });
  });

  it("is made once", async () => {
    const methods = openMethods();

    expect(await methods({ method: "tools/list" })).toBe(await methods({ method: "tools/list" }));
  });
});

describe("tools/call", () => {
  it("runs the tool", async () => {
    const params = { name: "echo", arguments: { text: "hi" } };

    expect(await openMethods()({ method: "tools/call", params })).toMatchObject({
      structuredContent: { text: "hi", times: 1 },
    });
  });

  it.each([undefined, {}, { name: 3 }, "echo"])(
    "refuses params without a name: %j",
    async (params) => {
      await expect(openMethods()({ method: "tools/call", params })).rejects.toMatchObject({
        code: -32_602,
        message: expect.stringContaining("params.name"),
      });
    },
  );

  it("refuses an unknown tool with -32602 and a hint", async () => {
    const params = { name: "weather" };

    await expect(openMethods()({ method: "tools/call", params })).rejects.toMatchObject({
      code: -32_602,
      message: "There is no tool weather. Call tools/list for the tools there are.",
      data: { code: "TOOL_UNKNOWN" },
    });
  });
});

it("refuses an unknown method with -32601", async () => {
  await expect(openMethods()({ method: "prompts/list" })).rejects.toMatchObject({ code: -32_601 });
});

it("tells a client of a later revision which ones there are", async () => {
  const params = {
    name: "echo",
    _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" },
  };

  await expect(openMethods()({ method: "tools/call", params })).rejects.toMatchObject({
    code: -32_022,
    data: { supported: supportedVersions, requested: "2026-07-28" },
  });
});

it("knows the same revisions as the SDK", () => {
  expect(supportedVersions).toEqual(SUPPORTED_PROTOCOL_VERSIONS);
});

function openMethods() {
  return makeMcpMethods(
    new Envelope({
      tools: bindTinyTools(makeTinyServices()),
      clock: new ManualClock(),
      random: new SeededRandom(1),
      log: silentLog,
      callTimeoutMs: 60_000,
      redact: (text) => text,
    }),
  );
}
