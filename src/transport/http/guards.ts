import { createHash, timingSafeEqual } from "node:crypto";
import { isIP, isIPv4 } from "node:net";
import { Refusal } from "./refusal.ts";

export interface GuardOptions {
  /** The address the server listens on. */
  readonly host: string;
  readonly token?: string | undefined;
  /** Names, or name:port, to accept in a Host header beside the server's own. */
  readonly allowedHosts: readonly string[];
  /** scheme://name or scheme://name:port. */
  readonly allowedOrigins: readonly string[];
}

/** True for addresses that only programs on this machine can reach. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, "").toLowerCase();
  return (
    address === "localhost" || address === "::1" || (isIPv4(address) && address.startsWith("127."))
  );
}

/**
 * Refuses a Host header that is not one of ours (403). A web page can make a browser call a server on this machine
 * under a name of the page's own, but it cannot choose the Host header, which then holds that name.
 */
export function checkHost(header: string | undefined, options: GuardOptions): void {
  const host = (header ?? "").toLowerCase();
  const name = host.replace(/:\d+$/, "");
  const listed = options.allowedHosts.map((entry) => entry.toLowerCase());
  if (listed.includes(host) || listed.includes(name)) return;
  if (isLoopback(name) || name === options.host.toLowerCase()) return;
  // The trick needs a name; a server for other machines may be called by whichever address it has.
  if (!isLoopback(options.host) && isIP(name.replace(/^\[|\]$/g, "")) !== 0) return;
  throw new Refusal(403, "refused", `The Host header ${quote(host)} is not allowed.`, {
    hint: "Call the server by its own address, or add the name to LOCKSTEP_ALLOWED_HOSTS.",
  });
}

/** Refuses pages of other sites (403). Programs send no Origin; "null" is what a sandboxed page sends. */
export function checkOrigin(origin: string | undefined, options: GuardOptions): void {
  if (origin === undefined || options.allowedOrigins.includes(origin)) return;
  if (URL.canParse(origin) && isLoopback(new URL(origin).hostname)) return;
  throw new Refusal(403, "refused", `The Origin ${quote(origin)} is not allowed.`, {
    hint: "Add it to LOCKSTEP_ALLOWED_ORIGINS if this page is meant to call the server.",
  });
}

/** Whether the request carries the token, or none is asked for. Takes the same time for every wrong token. */
export function isAuthorized(
  authorization: string | undefined,
  token: string | undefined,
): boolean {
  if (token === undefined) return true;
  const presented = /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1] ?? "";
  return timingSafeEqual(digest(presented), digest(token));
}

export function unauthorized(): Refusal {
  return new Refusal(401, "refused", "The request needs the server's bearer token.", {
    hint: "Send the header Authorization: Bearer <the value of LOCKSTEP_HTTP_TOKEN>.",
    headers: { "www-authenticate": 'Bearer realm="lockstep"' },
  });
}

/** Equal lengths are what the comparison needs. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
