import type { SeededRandom } from "../../support/seeded-random.ts";
import type { FaultProxy, LinkFault } from "../../support/servers/fault-proxy.ts";
import type { ChaosWorld } from "../run/chaos-world.ts";
import type { Fault, FaultKind, Shape } from "./fault.ts";

interface Trouble {
  readonly name: string;
  begin(proxy: FaultProxy): void;
}

/** Something happens to the connections between the servers, one or all of them, and Redis. */
export const redisLink: FaultKind = (random, shape) =>
  linkFault("redis link", (world) => world.redisLinks, random, shape);

/** The same between the servers and MongoDB. */
export const storeLink: FaultKind = (random, shape) =>
  linkFault("store link", (world) => world.storeLinks, random, shape);

function linkFault(
  subject: "redis link" | "store link",
  linksOf: (world: ChaosWorld) => readonly FaultProxy[],
  random: SeededRandom,
  { servers }: Shape,
): Fault {
  const at = random.integer(servers + 1);
  const whose = at === servers ? "of all servers" : `of server-${at}`;
  const hit = (world: ChaosWorld) => {
    const links = linksOf(world);
    return at === servers ? links : [links[at]!];
  };
  const trouble = decide(random);
  return {
    subject,
    name: `${subject} ${whose}: ${trouble.name}`,
    begin: async (world) => hit(world).forEach((proxy) => trouble.begin(proxy)),
    end: async (world) => hit(world).forEach((proxy) => proxy.heal()),
  };
}

function decide(random: SeededRandom): Trouble {
  const latencyMs = 5 + random.integer(300);
  const bytesPerSecond = 4_096 * (1 + random.integer(16));
  const hole = random.pick(["to-server", "to-client", "both"] as const);
  return random.pick([
    pace({ latencyMs }, `${latencyMs} ms late`),
    pace({ bytesPerSecond }, `${bytesPerSecond} bytes a second`),
    pace({ hole }, `nothing arrives (${hole})`),
    {
      name: `nothing arrives (${hole}), then cut`,
      begin: (proxy) => {
        // What is under way is lost for good; what comes after it finds the hole.
        proxy.set({ hole });
        proxy.cut();
      },
    },
    { name: "cut", begin: (proxy) => proxy.cut() },
    {
      name: "cut and refused",
      begin: (proxy) => {
        proxy.refuse();
        proxy.cut();
      },
    },
    {
      name: "one connection in a hole",
      begin: (proxy) => proxy.links.slice(0, 1).forEach((link) => link.set({ hole })),
    },
  ]);
}

function pace(fault: LinkFault, name: string): Trouble {
  return { name, begin: (proxy) => proxy.set(fault) };
}
