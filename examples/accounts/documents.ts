/** What the application keeps: people, their sessions, and the settings of the companies they work for. */

export interface User {
  readonly _id: string;
  readonly name: string;
  readonly email: string;
  readonly plan: "free" | "team" | "business";
  readonly address: { readonly street: string; readonly city: string; readonly zip: string };
  readonly tags: readonly string[];
  readonly balanceCents: number;
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface Session {
  readonly _id: string;
  readonly userId: string;
  readonly device: string;
  readonly lastSeenAt: Date;
}

export interface Setting {
  readonly _id: string;
  readonly tenant: string;
  readonly name: string;
  readonly value: string;
}

export interface Documents {
  readonly users: readonly User[];
  readonly sessions: readonly Session[];
  readonly settings: readonly Setting[];
}

const FIRST_NAMES =
  "Ada Amir Beatriz Chidi Dörte Elif Fumiko Grace Hamza Ines Jun Karim Linh Mateo Nadia Olu Priya Rosa Sven Tomás Uma Vera Wei Ximena Yara Zoë";
const LAST_NAMES =
  "Adeyemi Bauer Castro Dubois Eriksen Fischer García Haddad Ivanova Jansen Kowalski Lindqvist Müller Nakamura O'Neill Petrov Quispe Rossi Silva Tanaka Ueda Vargas Weber Yılmaz Zhang";
const CITIES =
  "Aarhus Bogotá Chennai Dakar Essen Fukuoka Ghent Hanoi İzmir Jaipur Kraków Lagos Malmö Nantes Oaxaca Porto Quito Riga Sofia Tunis Utrecht Valparaíso Wrocław Yokohama Zürich";
const STREETS =
  "Station Road|Rue de la Paix|Hauptstraße|Calle Mayor|Via Roma|Storgatan|Main Street|Rua Augusta";
const TAGS = "beta early-bird invoice newsletter partner reseller trial vip";
const DEVICES = "Firefox on Linux|Safari on iPhone|Chrome on Windows|Chrome on Android|curl";
const SETTINGS = "locale timezone theme retention-days sso-domain invoice-footer";

/** The chance that the documents are drawn with, from 0 up to 1; the same sequence gives the same documents. */
export type Draw = () => number;

/** So many users, with about one session for two of them, and six settings for every 25. */
export function makeDocuments(draw: Draw, { users }: { readonly users: number }): Documents {
  const pick = (words: string, separator = " ") => {
    const all = words.split(separator);
    return all[Math.floor(draw() * all.length)] as string;
  };
  const number = (below: number) => Math.floor(draw() * below);
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => number(16).toString(16)).join("");
  const dayMs = 86_400_000;
  const since = Date.UTC(2023, 0, 1);

  const people = Array.from({ length: users }, (_, at): User => {
    const [first, last] = [pick(FIRST_NAMES), pick(LAST_NAMES)];
    const createdAt = new Date(since + number(700) * dayMs + number(dayMs));
    const mailbox = `${first}.${last}${at}`.normalize("NFD").replace(/[^a-z0-9.]/giu, "");
    return {
      _id: `u${String(at).padStart(6, "0")}`,
      name: `${first} ${last}`,
      email: `${mailbox.toLowerCase()}@example.com`,
      plan: draw() < 0.7 ? "free" : draw() < 0.7 ? "team" : "business",
      address: {
        street: `${pick(STREETS, "|")} ${1 + number(180)}`,
        city: pick(CITIES),
        zip: String(10_000 + number(89_999)),
      },
      tags: TAGS.split(" ").filter(() => draw() < 0.2),
      balanceCents: number(500_000) - 50_000,
      revision: 1 + number(40),
      createdAt,
      updatedAt: new Date(createdAt.getTime() + number(300) * dayMs),
    };
  });
  const sessions = people
    .filter(() => draw() < 0.5)
    .map(
      ({ _id, updatedAt }): Session => ({
        _id: hex(32),
        userId: _id,
        device: pick(DEVICES, "|"),
        lastSeenAt: new Date(updatedAt.getTime() + number(dayMs)),
      }),
    );
  const settings = Array.from({ length: Math.ceil(users / 25) }, (_, at) => `tenant-${at}`).flatMap(
    (tenant) =>
      SETTINGS.split(" ").map(
        (name): Setting => ({ _id: `${tenant}.${name}`, tenant, name, value: `${name}-${hex(8)}` }),
      ),
  );
  return { users: people, sessions, settings };
}
