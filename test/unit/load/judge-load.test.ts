import { describe, expect, it } from "@jest/globals";
import { judgeLoad, type LoadInputs } from "../../../src/load/judge-load.ts";

const THRESHOLDS = { poolRatio: 0.8, queued: 0, unprocessed: 100 };
const idle: LoadInputs = { poolUtilization: 0, queued: 0, unprocessed: 0 };

const judge = (inputs: Partial<LoadInputs>, thresholds = THRESHOLDS) =>
  judgeLoad({ ...idle, ...inputs }, thresholds);

describe("judgeLoad", () => {
  it.each([
    [{ poolUtilization: 0.79 }, false],
    [{ poolUtilization: 0.8 }, true],
    [{ poolUtilization: 8 / 10 }, true],
    [{ poolUtilization: 1 }, true],
    [{ queued: 0 }, false],
    [{ queued: 1 }, true],
    [{ unprocessed: 100 }, false],
    [{ unprocessed: 101 }, true],
    [{ poolUtilization: 0.79, queued: 0, unprocessed: 100 }, false],
  ])("%j is high load: %s", (inputs, highLoad) => {
    expect(judge(inputs).highLoad).toBe(highLoad);
  });

  it("names what is over its threshold, and the threshold", () => {
    expect(judge({ poolUtilization: 0.9 }).reason).toBe(
      "High load: the pool is at 90 % (threshold 80 %).",
    );
    expect(judge({ queued: 3 }).reason).toBe(
      "High load: 3 direct syncs are queued (threshold: more than 0).",
    );
    expect(judge({ unprocessed: 101 }).reason).toBe(
      "High load: 101 events are unprocessed (threshold: more than 100).",
    );
    expect(judge({}).reason).toBe("Normal load: no threshold is passed.");
  });

  it("judges by the thresholds that it is given", () => {
    const lax = { poolRatio: 1, queued: 5, unprocessed: 1000 };

    expect(judge({ poolUtilization: 0.9, queued: 5, unprocessed: 1000 }, lax).highLoad).toBe(false);
    expect(judge({ poolUtilization: 1 }, lax).highLoad).toBe(true);
  });
});
