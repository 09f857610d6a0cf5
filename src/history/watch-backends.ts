import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { LostCopy } from "../cache/cache-buckets-port.ts";
import type { Entry, SyncMethod } from "../model/entry.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { StoreAuthorityPort } from "../store/store-authority-port.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Historian } from "./historian.ts";
import type { KeyEvent } from "./key-event.ts";
import { watchPort } from "./watch-port.ts";

/** Notes what a cache decides, forgets and is told. */
export function watchCache(cache: CacheAuthorityPort, historian: Historian): CacheAuthorityPort {
  const dropped = (copies: readonly LostCopy[] | "moved") => {
    if (copies === "moved") return;
    for (const { key } of copies)
      historian.note(key, { what: "dropped", how: "recovery", version: null });
  };
  return watchPort(
    cache,
    {
      write: (written) => {
        if (written.outcome === "written")
          historian.note(written.entry.key, writtenBy(written.entry));
      },
      acknowledge: (outcomes, acks) => {
        for (const [at, { key, version }] of acks.entries()) {
          const outcome = outcomes[at];
          if (outcome === "clean")
            historian.note(key, { what: "acknowledged", how: null, version });
          else if (outcome === "dropped")
            historian.note(key, { what: "dropped", how: "behind", version });
        }
      },
      settle: (outcome, key, version) => {
        if (outcome === "clean") historian.note(key, { what: "acknowledged", how: null, version });
        else if (outcome === "dropped")
          historian.note(key, { what: "dropped", how: "behind", version });
      },
      withdraw: (outcome, key, version) => {
        if (outcome === "withdrawn")
          historian.note(key, { what: "dropped", how: "not stored", version });
      },
      fill: (outcome, { key, version }) => {
        if (outcome === "filled") historian.filled(key, { how: null, version });
      },
      drop: (outcome, { key, meta }) => {
        if (outcome === "dropped")
          historian.note(key, { what: "dropped", how: "repair", version: meta?.version ?? null });
      },
    },
    { buckets: watchPort(cache.buckets, { dropOlder: dropped, setAside: dropped }) },
  );
}

/** Notes what the store takes; `way` says who brings it, where the method does not. */
export function watchStore(store: StorePort, historian: Historian, way = "event"): StorePort {
  return watchPort(store, {
    applyNewer: (versions, entries, method) => {
      for (const { key, version } of entries) {
        // A newer one was there: that one is somebody else's to tell.
        if (versions.get(key) === version)
          historian.note(key, { what: "synced", how: wayOf(method, way), version });
      }
    },
  });
}

/** Notes what waits in the outbox. */
export function watchOutbox(outbox: OutboxPort, historian: Historian): OutboxPort {
  return watchPort(outbox, {
    append: (_, entries) => {
      for (const { key, version } of entries)
        historian.note(key, { what: "waiting", how: "event", version });
    },
  });
}

/** Notes what a store decides that is the authority. */
export function watchAuthority(
  authority: StoreAuthorityPort,
  historian: Historian,
): StoreAuthorityPort {
  return watchPort(authority, {
    write: (written, _, { to }) => {
      if (written.outcome !== "written") return;
      const { key, version } = written.entry;
      historian.note(key, writtenBy(written.entry));
      if (to === "shadow") historian.note(key, { what: "synced", how: "direct", version });
      else historian.note(key, { what: "waiting", how: "event", version });
    },
    current: (current, key) => {
      if (current !== undefined && current.entry.value !== null)
        historian.note(key, { what: "filled", how: null, version: current.entry.version });
    },
  });
}

function writtenBy({ value, version, sessionId, interactionId }: Entry): KeyEvent {
  const how = value === null ? "delete" : "set";
  return { what: "written", how, version, sessionId, interactionId };
}

function wayOf(method: SyncMethod, way: string): string {
  return method === "ASYNC_THREAD" ? "direct" : way;
}
