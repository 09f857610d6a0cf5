/** What Lockstep promises, by the numbers of its specification, and how the explorer asks for it. */
export const GUARANTEES = {
  G1: "no acknowledged write is lost while Redis keeps its data, to a crash of ours, an outage, or a repair",
  G2: "what was told to be in shadow or outbox survives whatever happens to Redis",
  G3: "after a loss of Redis state, what is acknowledged then wins",
  G4: "reads and conditions are linearizable per key while Redis has not rolled back; nothing is carried out twice",
  G5: "the shadow never goes back",
  G6: "nothing that was deleted comes back, and no purge takes what lives",
  G7: "left alone, our code comes to rest with every event applied, no marker left and both sides equal",
  G8: "the verifier raises no false alarm",
  G9: "once at rest, the journal and the outbox are empty",
} as const;

export type Guarantee = keyof typeof GUARANTEES;

/** A breach of a guarantee, in words. */
export function breach(guarantee: Guarantee, what: string): string {
  return `${guarantee}: ${what}`;
}

/** The guarantee that a breach names; what the kernel finds by itself is that our code never comes to rest. */
export function guaranteeOf(what: string): Guarantee {
  const name = what.split(":")[0] ?? "";
  return Object.hasOwn(GUARANTEES, name) ? (name as Guarantee) : "G7";
}
