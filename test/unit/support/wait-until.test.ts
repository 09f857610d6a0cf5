import { describe, expect, it } from "@jest/globals";
import { waitUntil } from "../../support/wait-until.ts";

describe("waitUntil", () => {
  it("returns the first truthy answer", async () => {
    let asked = 0;
    const third = await waitUntil(() => (++asked === 3 ? "third" : undefined), { everyMs: 1 });

    expect(third).toBe("third");
  });

  it("names what it waited for and the last answer at the deadline", async () => {
    const wait = waitUntil(() => 0, { withinMs: 20, everyMs: 5, what: "the queue to fill" });

    await expect(wait).rejects.toThrow("Waited 20 ms for the queue to fill; last seen: 0.");
  });

  it("takes an error for not yet, and keeps the last one", async () => {
    const refused = new Error("refused");
    let asked = 0;
    const answer = await waitUntil(
      () => {
        asked += 1;
        if (asked < 3) throw refused;
        return true;
      },
      { everyMs: 1 },
    );
    const failure = waitUntil(() => Promise.reject(refused), { withinMs: 10, everyMs: 1 });

    expect(answer).toBe(true);
    await expect(failure).rejects.toMatchObject({
      message: "Waited 10 ms for the condition; last error: refused.",
      cause: refused,
    });
  });

  it("gives up on a question that is never answered", async () => {
    const wait = waitUntil(() => new Promise<boolean>(() => {}), { withinMs: 20 });

    await expect(wait).rejects.toThrow("the last question was never answered");
  });
});
