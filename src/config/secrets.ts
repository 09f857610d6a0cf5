import { type Config, listVariables } from "./schema.ts";

const MASK = "***";

/** The configuration as it may be logged: tokens and passwords are masked, the rest is as it is. */
export function maskConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    listVariables().map(({ field, secret }) => {
      const value = config[field];
      if (secret === undefined || value === undefined) return [field, value];
      return [field, typeof value === "string" && secret !== "all" ? maskAddress(value) : MASK];
    }),
  );
}

/**
 * Returns a function that takes every secret of the configuration out of a text, however it got there:
 * an error message of a driver, a stack, a line of JSON.
 */
export function makeRedactor(config: Config): (text: string) => string {
  const secrets = findSecrets(config);
  return (text) => {
    let redacted = text;
    for (const secret of secrets) redacted = redacted.replaceAll(secret, MASK);
    return redacted;
  };
}

function findSecrets(config: Config): readonly string[] {
  const secrets = listVariables().flatMap(({ field, secret }) => {
    const value = config[field];
    if (secret === undefined || value === undefined || value === null) return [];
    if (typeof value === "object") return Object.values(value).map(String).flatMap(secretsOfHeader);
    const text = String(value);
    return secret === "all" ? [text] : secretsOfAddress(text);
  });
  const forms = secrets.flatMap((secret) => [secret, decode(secret)]);
  // A line of the log is JSON, in which some letters have another form.
  const inJson = forms.map((form) => JSON.stringify(form).slice(1, -1));
  // A password of one or two letters occurs in every text; masking it would only make the text unreadable.
  return [...new Set([...forms, ...inJson])]
    .filter((form) => form.length > 2)
    .sort((short, long) => long.length - short.length);
}

// Greedy up to the last @, because a password in which an @ was not escaped is still a password.
const USER_INFO = /^([a-z][a-z+]*:\/\/)([^:@/]*)(?::(.*))?@/i;
const SECRET_PARAMETER = /([?&;][^=&;]*(?:password|token|secret)[^=&;]*=)([^&;]*)/gi;

function maskAddress(address: string): string {
  return address
    .replace(USER_INFO, (_, scheme: string, user: string, password: string | undefined) =>
      password === undefined ? `${scheme}${user}@` : `${scheme}${user}:${MASK}@`,
    )
    .replace(SECRET_PARAMETER, `$1${MASK}`);
}

function secretsOfAddress(address: string): readonly string[] {
  const password = USER_INFO.exec(address)?.[3] ?? "";
  const parameters = [...address.matchAll(SECRET_PARAMETER)].map((match) => match[2] ?? "");
  return [password, ...parameters].filter((secret) => secret !== "");
}

/** The whole of it, and what follows the name of a scheme, as in `Bearer …`. */
function secretsOfHeader(header: string): readonly string[] {
  return [header, /^\S+ +(.+)$/.exec(header)?.[1] ?? ""].filter((secret) => secret !== "");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
