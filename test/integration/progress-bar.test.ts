import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "@jest/globals";
import { describeOnTerminal } from "../support/describe-on-terminal.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { openHome, runLockstep } from "../support/lockstep-process.ts";
import { UserApp } from "../support/models/user-app.ts";
import { TerminalProcess } from "../support/pseudo-terminal.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const USERS = 1_000;
const COMMAND = ["reconcile_cache", "--batch-size", "50", "--max-instances", "1000000"];

describeWith(["redis", "mongodb"], "A long command", () => {
  const backends = useBackends();
  let app: UserApp;
  let home: Awaited<ReturnType<typeof openHome>>;
  let running: TerminalProcess | undefined;
  beforeAll(() => {
    app = new UserApp(backends);
  });
  beforeEach(async () => {
    home = await openHome();
    await app.store(...Array.from({ length: USERS }, (_, at) => app.user(at + 1)));
  });
  afterEach(async () => {
    running?.child.kill("SIGKILL");
    await running?.exitCode;
    await home.remove();
  });
  afterAll(() => app.close());

  it("draws no bar where nobody looks", async () => {
    const { code, stdout, stderr } = await runLockstep(COMMAND, environment(0));

    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`checked: ${USERS}`);
    expect(framesIn(stdout)).toEqual([]);
  }, 60_000);

  describeOnTerminal("on a terminal", (make) => {
    it("draws a bar, which moves and ends as a whole", async () => {
      running = new TerminalProcess(make, COMMAND, environment(2_000));

      expect(await running.exitCode).toBe(0);
      const frames = framesIn(shown());
      const counts = frames.map(({ done }) => done);
      expect(new Set(counts).size).toBeGreaterThan(3);
      expect(counts).toEqual(counts.toSorted((one, other) => one - other));
      expect(frames[0]!.percent).toBeLessThan(100);
      const widths = frames.map(({ percent }) => Math.round((percent / 100) * 24));
      expect(frames.map(({ full }) => full)).toEqual(widths);
      expect(frames.at(-1)).toEqual({ done: USERS, total: USERS, percent: 100, full: 24 });
      // The answer begins on a line of its own.
      expect(shown()).toMatch(/of 1000\)\r?\n(?:.*\n)*checkOnly: false/);
    }, 60_000);

    it("draws none beside an answer for a program, which has its line of JSON alone", async () => {
      running = new TerminalProcess(make, [...COMMAND, "--json"], environment(2_000));

      expect(await running.exitCode).toBe(0);
      expect(JSON.parse(shown())).toMatchObject({ checked: USERS, complete: true });
    }, 60_000);

    it("ends on Ctrl-C, takes its bar away, and says how to go on", async () => {
      running = new TerminalProcess(make, COMMAND, environment(200));
      await waitUntil(() => framesIn(shown()).length > 1, { withinMs: 30_000, what: "the bar" });

      running.type("\u0003");

      expect(await running.exitCode).toBe(2);
      expect(shown()).toContain(
        "\r\u001b[Klockstep: stopped. The same command goes on from there.",
      );
    }, 60_000);
  });

  function shown(): string {
    return running?.shown ?? "";
  }

  function environment(perSec: number): Record<string, string> {
    const variables = backends.variables({
      ...app.variables(),
      LOCKSTEP_LOG_LEVEL: "error",
      LOCKSTEP_RECONCILE_PER_SEC: String(perSec),
    });
    return { ...home.env, ...variables };
  }
});

/** Each state of the bar, in the order in which they were drawn. */
function framesIn(text: string) {
  return Array.from(
    text.matchAll(/reconcile (█*)(░*) (\d+) % \((\d+) of (\d+)\)/g),
    ([, full = "", , percent, done, total]) => ({
      full: full.length,
      percent: Number(percent),
      done: Number(done),
      total: Number(total),
    }),
  );
}
