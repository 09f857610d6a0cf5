import type { Setting } from "../setting.ts";
import type { Local, Mishap, World } from "../world.ts";

/**
 * Someone who works on the key, as a machine of named steps. Every step is at most one conversation with one server, so
 * everything that can come between two conversations of real code can come between two steps.
 */
export interface Role<L extends Local = Local> {
  /** Unique within its model; traces name it. */
  readonly name: string;
  readonly process: number;
  readonly initial: L;
  /** Whether it is one call of a client, which ends within the time that calls are given; and whether it is open. */
  isOpenCall?(me: L): boolean;
  /** Whether it has read something that it will bring to the shadow. */
  holdsStatement?(me: L): boolean;
  steps(turn: Turn<L>): void;
}

/** What a role may look at, and how it says what it could do next. */
export interface Turn<L extends Local> {
  readonly setting: Setting;
  readonly world: World;
  readonly me: L;
  /** The roles, by their place, that are calls which have begun and not ended. */
  openCalls(): readonly number[];
  /** The roles, by their place, that hold something which they will bring to the shadow. */
  openStatements(): readonly number[];
  /** Offers a step of our own code. `change` works on a copy of the world and says where the role stands afterwards. */
  step(name: string, change: Change<L>): void;
  /** Offers something that may happen or not, as often as the model allows it; without a mishap, always. */
  chance(name: string, mishap: Mishap | null, change: Change<L>): void;
}

type Change<L> = (draft: World) => L;

/** A role among roles of other kinds: only its own steps ever see its locals. */
export type AnyRole = Role;

export function anyRole<L extends Local>(role: Role<L>): AnyRole {
  return role as unknown as AnyRole;
}
