import { bullmq } from "./bullmq.ts";
import { lockstep, lockstepJournal } from "./lockstep.ts";
import { outboxOnly } from "./outbox-only.ts";
import type { PeerKind } from "./peer.ts";
import { setAndForget, setThenUpsert } from "./set-and-upsert.ts";
import { tieredCache } from "./tiered-cache.ts";

/** All of them, by the name that a process is started with. */
export const PEERS = {
  lockstep,
  lockstepJournal,
  setThenUpsert,
  setAndForget,
  outboxOnly,
  bullmq,
  tieredCache,
} satisfies Readonly<Record<string, PeerKind>>;

export type PeerName = keyof typeof PEERS;
