import type { FaultKind } from "./fault.ts";

export const killMongo: FaultKind = () => ({
  subject: "store",
  name: "kill every mongod (SIGKILL), then start them again",
  begin: (world) => world.mongo.kill("SIGKILL"),
  end: (world) => world.mongo.start(),
});

export const pauseMongo: FaultKind = () => ({
  subject: "store",
  name: "stop every mongod (SIGSTOP), then let them go on",
  begin: (world) => world.mongo.kill("SIGSTOP"),
  end: (world) => world.mongo.kill("SIGCONT"),
});

export const killPrimary: FaultKind = () => ({
  subject: "store",
  name: "kill the primary mongod (SIGKILL), then start it again",
  begin: (world) => world.mongo.kill("SIGKILL", "primary"),
  end: (world) => world.mongo.start(),
});

/** Another member is elected, or the same one again; writes under way are not acknowledged. */
export const stepDown: FaultKind = () => ({
  subject: "store",
  name: "the primary mongod steps down",
  begin: (world) => world.stepDownPrimary(),
});
