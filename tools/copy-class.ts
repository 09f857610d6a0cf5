import { z } from "zod";
import { CLASSES, type CopyClass } from "../src/verify/classify.ts";

const names = Object.keys(CLASSES) as [CopyClass, ...CopyClass[]];

/** How a key's two copies stand to each other; docs/ARCHITECTURE.md explains each. */
export const copyClass = z.enum(names);

/** How many keys were found of each class. */
export const classCounts = z.strictObject(
  Object.fromEntries(names.map((name) => [name, z.number()])) as Record<CopyClass, z.ZodNumber>,
);
