import { number, padded, spread } from "../table.ts";
import type { Outcome } from "./judge.ts";
import type { PeerFigure } from "./measure-peers.ts";

const HEAD = [
  "way",
  "writes/s until in both (range)",
  "× Lockstep",
  "lost per million",
  "stale per million",
  "resurrected per million",
  "of writes",
];

/** Speed beside what it cost, as a Markdown table. */
export function peerTableOf(peers: readonly PeerFigure[]): string {
  const ours = peers.find(({ peer }) => peer === "lockstep")?.speed.median ?? Number.NaN;
  return padded([
    HEAD,
    ...peers.map(({ what, speed, faults }) => [
      what,
      spread(speed),
      number(speed.median / ours),
      perMillion(faults, "lost"),
      perMillion(faults, "stale"),
      perMillion(faults, "resurrected"),
      number(faults.acknowledged),
    ]),
  ]);
}

function perMillion(faults: Outcome, what: "lost" | "stale" | "resurrected"): string {
  return number(Math.round((faults[what] * 1e6) / Math.max(1, faults.acknowledged)));
}
