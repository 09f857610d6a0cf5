import { beforeEach, expect, it } from "@jest/globals";
import { describeOnTerminal } from "../support/describe-on-terminal.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { useLongCommand } from "../support/lockstep/use-long-command.ts";
import { useUserApp } from "../support/models/use-user-app.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const USERS = 1_000;
const COMMAND = ["reconcile_cache", "--batch-size", "50", "--max-instances", "1000000"];

describeWith(["redis", "mongodb"], "A long command", () => {
  const backends = useBackends();
  const app = useUserApp(backends);
  const command = useLongCommand(backends);
  beforeEach(() => app.store(...Array.from({ length: USERS }, (_, at) => app.user(at + 1))));

  it("draws no bar where nobody looks", async () => {
    const { code, stdout, stderr } = await command.run(COMMAND, variables(0));

    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`checked: ${USERS}`);
    expect(framesIn(stdout)).toEqual([]);
  }, 60_000);

  describeOnTerminal("on a terminal", (make) => {
    it("draws a bar, which moves and ends as a whole", async () => {
      const running = command.startOnTerminal(make, COMMAND, variables(2_000));

      expect(await running.exitCode).toBe(0);
      const frames = framesIn(running.shown);
      const counts = frames.map(({ done }) => done);
      expect(new Set(counts).size).toBeGreaterThan(3);
      expect(counts).toEqual(counts.toSorted((one, other) => one - other));
      expect(frames[0]!.percent).toBeLessThan(100);
      const widths = frames.map(({ percent }) => Math.round((percent / 100) * 24));
      expect(frames.map(({ full }) => full)).toEqual(widths);
      expect(frames.at(-1)).toEqual({ done: USERS, total: USERS, percent: 100, full: 24 });
      // The answer begins on a line of its own.
      expect(running.shown).toMatch(/of 1000\)\r?\n(?:.*\n)*checkOnly: false/);
    }, 60_000);

    it("draws none beside an answer for a program, which has its line of JSON alone", async () => {
      const running = command.startOnTerminal(make, [...COMMAND, "--json"], variables(2_000));

      expect(await running.exitCode).toBe(0);
      expect(JSON.parse(running.shown)).toMatchObject({ checked: USERS, complete: true });
    }, 60_000);

    it("ends on Ctrl-C, takes its bar away, and says how to go on", async () => {
      const running = command.startOnTerminal(make, COMMAND, variables(200));
      await waitUntil(() => framesIn(running.shown).length > 1, {
        withinMs: 30_000,
        what: "the bar",
      });

      running.type("\u0003");

      expect(await running.exitCode).toBe(2);
      expect(running.shown).toContain(
        "\r\u001b[Klockstep: stopped. The same command goes on from there.",
      );
    }, 60_000);
  });

  function variables(perSec: number) {
    return backends.variables({
      ...app.variables(),
      LOCKSTEP_LOG_LEVEL: "error",
      LOCKSTEP_RECONCILE_PER_SEC: String(perSec),
    });
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
