import { afterAll } from "@jest/globals";
import type { Backends } from "../lockstep/use-backends.ts";
import { UserApp } from "./user-app.ts";

/** An application with users, for the suite around it. */
export function useUserApp(backends: Backends): UserApp {
  const app = new UserApp(backends);
  afterAll(() => app.close());
  return app;
}
