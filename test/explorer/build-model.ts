import { Identifier } from "./identify.ts";
import { brokenAtRest, brokenIn } from "./invariants.ts";
import type { Model } from "./kernel/model.ts";
import type { AnyRole } from "./roles/role.ts";
import type { Setting } from "./setting.ts";
import { copyOf, type Local, type Mishap, type World } from "./world.ts";

export interface ModelParts {
  readonly name: string;
  readonly setting: Setting;
  readonly world: World;
  readonly roles: readonly AnyRole[];
  /** Further demands on a world at rest, beside those that hold in every model. */
  readonly alsoAtRest?: (world: World) => string | undefined;
}

/** Roles that share one world. A step is named "role: step". */
export function buildModel({ name, setting, world, roles, alsoAtRest }: ModelParts): Model<World> {
  const identifier = new Identifier();
  const initial = { ...world, locals: roles.map((role) => role.initial) };
  return {
    name,
    initial,
    steps(from, take) {
      roles.forEach((role, index) => {
        const after = (mishap: Mishap | null, change: (draft: World) => Local) => {
          const draft = copyOf(from);
          if (mishap !== null) draft.left = { ...from.left, [mishap]: timesLeft(from, mishap) - 1 };
          const local = change(draft);
          draft.locals[index] = local;
          return draft;
        };
        role.steps({
          setting,
          world: from,
          me: from.locals[index] as Local,
          openCalls: () => placesOf(roles, from, (role, me) => role.isOpenCall?.(me)),
          openStatements: () => placesOf(roles, from, (role, me) => role.holdsStatement?.(me)),
          step: (step, change) => take(`${role.name}: ${step}`, "program", after(null, change)),
          chance: (step, mishap, change) => {
            if (mishap !== null && timesLeft(from, mishap) === 0) return;
            take(`${role.name}: ${step}`, "chance", after(mishap, change));
          },
        });
      });
    },
    identify: (of) => identifier.identify(of),
    brokenIn: (world) => brokenIn(setting, world),
    brokenAtRest: (world) => brokenAtRest(setting, world) ?? alsoAtRest?.(world),
  };
}

function timesLeft({ left }: World, mishap: Mishap): number {
  return left[mishap] ?? 0;
}

function placesOf(
  roles: readonly AnyRole[],
  { locals }: World,
  isMeant: (role: AnyRole, me: Local) => boolean | undefined,
): readonly number[] {
  return roles.flatMap((role, index) =>
    isMeant(role, locals[index] as Local) === true ? [index] : [],
  );
}
