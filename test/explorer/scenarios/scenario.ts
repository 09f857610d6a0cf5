import { buildModel } from "../build-model.ts";
import type { Model } from "../kernel/model.ts";
import type { Rules } from "../mechanisms.ts";
import { environment } from "../roles/environment.ts";
import { network } from "../roles/network.ts";
import { pinnedWriter, type WriterOptions } from "../roles/pinned-writer.ts";
import { projector } from "../roles/projector.ts";
import { purger } from "../roles/purger.ts";
import { reader } from "../roles/reader.ts";
import { recoverer } from "../roles/recoverer.ts";
import { type RepairerOptions, repairer } from "../roles/repairer.ts";
import { type AnyRole, anyRole } from "../roles/role.ts";
import { storeFirstEnvironment } from "../roles/store-first-environment.ts";
import { storeFirstReader } from "../roles/store-first-reader.ts";
import { storeFirstWriter } from "../roles/store-first-writer.ts";
import { stranger } from "../roles/stranger.ts";
import { sweep } from "../roles/sweep.ts";
import { unpinnedWriter } from "../roles/unpinned-writer.ts";
import { verifier } from "../roles/verifier.ts";
import type { Mode, Setting } from "../setting.ts";
import type { Mishap, World } from "../world.ts";
import { type Start, startWorld } from "./starts.ts";

/** Who takes part, and what may go wrong how often. Of several of a kind, every second one is in the other process. */
export interface Cast {
  readonly start?: Start;
  readonly calls: readonly WriterOptions[];
  readonly readers?: number;
  readonly sweeps?: number;
  readonly projectors?: number;
  readonly recoveries?: number;
  readonly verifiers?: number;
  readonly purgers?: number;
  readonly repairs?: readonly RepairerOptions[];
  readonly mishaps?: Readonly<Partial<Record<Mishap, number>>>;
}

export interface Scenario extends Cast {
  readonly name: string;
  readonly mode: Mode;
  /** Too large to be explored in every run of the tests, even as it stands. */
  readonly isLarge?: true;
  /** How the cast differs where there is time for more. */
  readonly larger?: Partial<Cast>;
}

export type Size = "small" | "large";

export function modelOf(scenario: Scenario, rules: Rules, size: Size = "small"): Model<World> {
  const { name, mode, larger } = scenario;
  const cast = size === "large" ? { ...scenario, ...larger } : scenario;
  const setting: Setting = {
    mode,
    rules,
    mayLoseState: (cast.recoveries ?? 0) > 0,
    mayPurge: (cast.purgers ?? 0) > 0,
    readsBind: mode === "unpinned" ? "never" : "always",
  };
  const world = {
    ...startWorld(cast.start ?? "blank"),
    left: cast.mishaps ?? {},
    copies: mode === "store_first" ? [null, null] : [],
  };
  return buildModel({ name, setting, world, roles: rolesOf(mode, cast) });
}

function rolesOf(mode: Mode, cast: Cast): readonly AnyRole[] {
  const { calls, repairs = [], mishaps = {} } = cast;
  return [
    ...calls.map((call) => writerIn(mode, call)),
    ...several(cast.readers, "read", (who) =>
      mode === "store_first"
        ? anyRole(storeFirstReader({ ...who, reads: 2 }))
        : anyRole(reader({ ...who, reads: 1 })),
    ),
    ...several(cast.sweeps, "sweep", (who) => anyRole(sweep(who))),
    ...several(cast.projectors, "projector", (who) => anyRole(projector(who))),
    ...several(cast.recoveries, "recovery", (who) => anyRole(recoverer(who))),
    ...several(cast.verifiers, "verifier", (who) => anyRole(verifier(who))),
    ...several(cast.purgers, "purge", (who) => anyRole(purger(who))),
    ...repairs.map((repair) => anyRole(repairer(repair))),
    ...(mishaps.foreign === undefined ? [] : [anyRole(stranger())]),
    ...(mode === "store_first"
      ? [anyRole(storeFirstEnvironment())]
      : [anyRole(network()), anyRole(environment())]),
  ];
}

function writerIn(mode: Mode, call: WriterOptions): AnyRole {
  switch (mode) {
    case "pinned":
      return anyRole(pinnedWriter(call));
    case "unpinned":
      return anyRole(unpinnedWriter(call));
    case "store_first":
      return anyRole(storeFirstWriter(call));
  }
}

function several(
  count: number | undefined,
  name: string,
  make: (who: { readonly name: string; readonly process: number }) => AnyRole,
): readonly AnyRole[] {
  return Array.from({ length: count ?? 0 }, (_, index) =>
    make({ name: count === 1 ? name : `${name} ${index + 1}`, process: (index + 1) % 2 }),
  );
}
