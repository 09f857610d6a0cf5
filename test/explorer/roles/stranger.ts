import { primaryOf } from "../world.ts";
import type { Role } from "./role.ts";

/** Another program that uses the key with plain Redis commands: SET, which takes TTLs away, and DEL. */
export type Stranger = { readonly at: "stranger" };

const HERE = { at: "stranger" } as const;

export function stranger(): Role<Stranger> {
  return {
    name: "stranger",
    process: 0,
    initial: HERE,
    steps(turn) {
      turn.chance("SET", "foreign", (draft) => {
        primaryOf(draft).value = { text: "foreign", expires: false, clean: false };
        draft.past.foreign += 1;
        draft.past.drift = true;
        return HERE;
      });
      if (primaryOf(turn.world).value === null) return;
      turn.chance("DEL", "foreign", (draft) => {
        primaryOf(draft).value = null;
        draft.past.foreign += 1;
        draft.past.drift = true;
        return HERE;
      });
    },
  };
}
