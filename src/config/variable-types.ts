import { z } from "zod";
import { CronSchedule } from "../lib/cron-schedule.ts";
import { isRecord } from "../lib/is-record.ts";

// The environment gives text. These turn it into values, and say in one phrase which texts they take.

/** A whole number from `min` to `max`, both included. */
export function wholeNumber(min: number, max: number) {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z.string().transform((text, context) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    return refuse(context, rule);
  });
}

const DECIMAL = /^\d*\.?\d+$/;

/** A number above 0 and at most 1. */
export function ratio() {
  return z.string().transform((text, context) => {
    const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
    if (value > 0 && value <= 1) return value;
    return refuse(context, "must be a number above 0 and at most 1");
  });
}

/** A number from 0 to 1, both included. */
export function share() {
  return z.string().transform((text, context) => {
    const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
    if (value >= 0 && value <= 1) return value;
    return refuse(context, "must be a number from 0 to 1");
  });
}

/** Words for patterns, at hours when most have little to do; UTC. */
const SCHEDULES: Readonly<Record<string, string>> = {
  daily: "0 3 * * *",
  weekly: "30 3 * * 0",
};

/** A word or five cron fields, as the pattern that it stands for; `off` is null. */
export function schedule() {
  return z.string().transform((text, context): string | null => {
    const word = text.toLowerCase();
    if (word === "off") return null;
    const pattern = SCHEDULES[word] ?? text;
    try {
      new CronSchedule(pattern);
      return pattern;
    } catch (error) {
      const why = error instanceof Error ? error.message : "it cannot be read";
      return refuse(context, `must be daily, weekly, off, or five cron fields in UTC (${why})`);
    }
  });
}

const TRUE = new Set(["true", "1", "yes", "on"]);
const FALSE = new Set(["false", "0", "no", "off"]);

export function flag() {
  return z.string().transform((text, context) => {
    const word = text.toLowerCase();
    if (TRUE.has(word)) return true;
    if (FALSE.has(word)) return false;
    return refuse(context, "must be true or false");
  });
}

export function oneOf<const Choices extends readonly [string, ...string[]]>(choices: Choices) {
  return z.enum(choices, { error: `must be one of ${choices.join(", ")}` });
}

/** Comma-separated; spaces around an entry and empty entries do not count. */
export function list() {
  return z.string().transform((text): readonly string[] =>
    text
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ""),
  );
}

/** A connection address that begins with one of `schemes`; the driver checks the rest of it. */
export function address(schemes: readonly string[]) {
  const rule = `must begin with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`;
  return z
    .string()
    .refine((text) => schemes.some((scheme) => text.startsWith(`${scheme}://`)), { error: rule });
}

/** The address of a web server, for which user and password belong in a header. */
export function webAddress() {
  return z.string().refine(isWebAddress, {
    error: "must be an address that begins with http:// or https://, without user and password",
  });
}

function isWebAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === "" && password === "";
}

/** The address of a mail server. */
export function mailServer() {
  return z
    .string()
    .refine((text) => /^smtps?:\/\/[^/]/.test(text) && URL.canParse(text) && isDecodable(text), {
      error:
        "must be an address such as smtp://user:password@host:587 or smtps://host, with characters such as @ and : in the password written as %40 and %3A",
    });
}

function isDecodable(address: string): boolean {
  const { username, password } = new URL(address);
  try {
    decodeURIComponent(`${username}${password}`);
    return true;
  } catch {
    return false;
  }
}

const MAIL_ADDRESS = /^[^\s@<>,;"]+@[^\s@<>,;"]+$/;

export function mailAddress() {
  return z.string().regex(MAIL_ADDRESS, { error: "must be an address such as ops@example.com" });
}

/** Comma-separated. */
export function mailAddresses() {
  return list().refine((addresses) => addresses.every((one) => MAIL_ADDRESS.test(one)), {
    error: "must be addresses such as ops@example.com, separated by commas",
  });
}

/** Names of headers that a request has anyway, and that would break it if they said something else. */
const OWN_HEADERS = new Set(["connection", "content-length", "content-type", "transfer-encoding"]);

/** HTTP headers, as a JSON object of texts. */
export function headers() {
  return z.string().transform((text, context): Readonly<Record<string, string>> => {
    const fields = jsonOf(text);
    const isFine =
      isRecord(fields) &&
      Object.entries(fields).every(
        ([name, value]) =>
          /^[\w!#$%&'*+.^`|~-]+$/.test(name) &&
          !OWN_HEADERS.has(name.toLowerCase()) &&
          typeof value === "string" &&
          /^[\x20-\x7e]*$/.test(value),
      );
    if (isFine) return fields as Record<string, string>;
    return refuse(
      context,
      'must be a JSON object of HTTP headers, such as {"authorization":"Bearer …"}, without those that say how the body is sent',
    );
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuse(context: { addIssue(issue: string): void }, rule: string): never {
  context.addIssue(rule);
  return z.NEVER;
}
