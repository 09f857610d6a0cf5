import type { World } from "../world.ts";

/** A key that nobody has ever written, and no mishap in sight. */
export function blankWorld(): World {
  const state = { run: 1, epoch: 1, seq: 0 };
  const redis = { run: 1, state, value: null, meta: null, marker: null, lease: null };
  return {
    now: 0,
    servers: [redis],
    primary: 0,
    links: [0, 0],
    saved: null,
    store: { row: null, events: [], epoch: 1, lastSeq: 0, purged: 0, processed: [] },
    copies: [],
    flights: [],
    locals: [],
    left: {},
    past: {
      minted: [],
      durable: 0,
      journal: 0,
      toldKeyed: [],
      shown: 0,
      shadowMax: 0,
      forgotten: 0,
      drift: false,
      foreign: 0,
      doubtful: 0,
      wrong: null,
    },
  };
}
