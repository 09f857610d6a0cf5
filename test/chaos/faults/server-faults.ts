import type { FaultKind } from "./fault.ts";

/** A process ends without a warning, in the middle of whatever it does, and another one takes its place. */
export const killServer: FaultKind = (random, { servers }) => {
  const at = random.integer(servers);
  return {
    subject: "server",
    name: `kill server-${at} (SIGKILL), then start another`,
    begin: (world) => world.servers[at]!.kill(),
    end: (world) => world.servers[at]!.start(),
  };
};

/** A process stands still and goes on later as if nothing had been, with what it knew before. */
export const pauseServer: FaultKind = (random, { servers }) => {
  const at = random.integer(servers);
  return {
    subject: "server",
    name: `stop server-${at} (SIGSTOP), then let it go on`,
    begin: async (world) => world.servers[at]!.pause(),
    end: async (world) => world.servers[at]!.resume(),
  };
};

export const killAllServers: FaultKind = () => ({
  subject: "server",
  name: "kill all servers (SIGKILL), then start others",
  begin: async (world) => {
    await Promise.all(world.servers.map((server) => server.kill()));
  },
  end: async (world) => {
    await Promise.all(world.servers.map((server) => server.start()));
  },
});
