import type { ClockReading } from "../lib/clock-reading.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** From here on ages and times to live are visibly off, milliseconds. */
const NOTABLE_MS = 1_000;

/** As long as a statement lives; from here on the ages in every report mislead. */
const SEVERE_MS = 600_000;

/** A machine's clock by its name; our own is ahead of itself by nothing. */
export type NamedClocks = Readonly<Record<string, ClockReading>>;

/** The two clocks that are farthest apart, at least, whatever the questions took. */
export function judgeClocks(servers: NamedClocks): Finding {
  const check = "clocks";
  const clocks = [
    { name: "this machine", aheadMs: 0, uncertainMs: 0 },
    ...Object.entries(servers).map(([name, reading]) => ({ name, ...reading })),
  ];
  let widest = { apartMs: 0, says: "" };
  for (const [at, one] of clocks.entries()) {
    for (const other of clocks.slice(at + 1)) {
      const apartMs = Math.abs(one.aheadMs - other.aheadMs) - one.uncertainMs - other.uncertainMs;
      if (apartMs <= widest.apartMs) continue;
      const [ahead, behind] = one.aheadMs > other.aheadMs ? [one, other] : [other, one];
      const says = `The clock of ${ahead.name} is ${Math.round(apartMs)} ms ahead of that of ${behind.name}`;
      widest = { apartMs, says };
    }
  }
  if (widest.apartMs < NOTABLE_MS) return ok(check, "They agree to within a second.");
  const hint = "Let all machines set their clocks by NTP.";
  const means = "no write is lost by it, but times to live, ages and the purge go by these clocks";
  return widest.apartMs < SEVERE_MS
    ? warning(check, `${widest.says}: ${means}.`, hint)
    : problem(check, `${widest.says}: ${means}.`, hint);
}
