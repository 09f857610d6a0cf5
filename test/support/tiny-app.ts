import { z } from "zod";
import type { App, AppHealth } from "../../src/app/app.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import type { Tool } from "../../src/transport/tool.ts";
import { reads } from "../../tools/annotations.ts";
import { defineTool } from "../../tools/define-tool.ts";

/** What a test sees of the tools and decides for them. */
export interface TinyServices {
  /** Calls of `linger` that have begun, with the signal each was given. */
  readonly lingering: AbortSignal[];
  /** Ends every `linger` that ignores its signal. */
  release: () => void;
  readonly released: Promise<void>;
}

export function makeTinyServices(): TinyServices {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { lingering: [], release, released };
}

/** An App with trivial tools and no backends, for tests that are about transports. */
export function makeTinyApp(
  health: Partial<AppHealth> = {},
): App & { readonly services: TinyServices } {
  const services = makeTinyServices();
  return {
    services,
    tools: bindTinyTools(services),
    afterCall: () => undefined,
    backends: { cache: "in this process", store: "/tmp/tiny.db" },
    start: async () => undefined,
    close: async () => undefined,
    health: async () => ({
      ready: true,
      authority: "store-first",
      cache: { kind: "memory", up: true },
      store: { kind: "sqlite", up: true },
      warnings: [],
      ...health,
    }),
  };
}

export function bindTinyTools(services: TinyServices): readonly Tool[] {
  return [linger, echo, count, fail].map((bind) => bind(services));
}

const echo = defineTool({
  name: "echo",
  title: "Echo",
  description: "Says it again.",
  annotations: reads,
  input: z.strictObject({
    text: z.string().min(1).describe("What to say."),
    times: z.int().positive().optional().describe("How often."),
  }),
  output: z.object({ text: z.string(), times: z.number() }),
  handle: async ({ text, times }) => ({ text, times: times ?? 1 }),
});

const count = defineTool({
  name: "count",
  title: "Count",
  description: "Counts up and reports each step.",
  annotations: reads,
  input: z.strictObject({ to: z.int() }),
  output: z.object({ counted: z.number() }),
  async handle({ to }, _services: TinyServices, context) {
    for (let step = 1; step <= to; step += 1) context.progress(step, to);
    return { counted: to };
  },
});

const linger = defineTool({
  name: "linger",
  title: "Linger",
  description: "Goes on until it is stopped, or released where it is stubborn.",
  annotations: { ...reads, readOnlyHint: false },
  input: z.strictObject({ stubborn: z.boolean().optional() }),
  output: z.object({ ended: z.string() }),
  async handle({ stubborn }, { lingering, released }: TinyServices, { signal }) {
    lingering.push(signal);
    if (stubborn !== true) {
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      await Promise.race([released, aborted]);
    } else {
      await released;
    }
    return { ended: "released" };
  },
});

const fail = defineTool({
  name: "fail",
  title: "Fail",
  description: "Fails as it is told.",
  annotations: reads,
  input: z.strictObject({ how: z.enum(["told", "bug", "shape"]) }),
  output: z.object({ fine: z.boolean() }),
  async handle({ how }) {
    if (how === "told") {
      throw new LockstepError("STORE_UNAVAILABLE", "mongodb://app:st0re-pass@a does not answer.");
    }
    if (how === "bug") throw new TypeError("undefined is not a function at /srv/secret/path");
    return { fine: "no" as unknown as boolean };
  },
});
