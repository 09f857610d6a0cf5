/**
 * A fill lease belongs to the incarnation of the server in which it was taken: it may be there after a restart, while
 * what its holder read of the shadow is from before the recovery.
 */
export function leaseToken(random: string, incarnation: string): string {
  return `${random}@${incarnation}`;
}

/** The incarnation in which the lease was taken. */
export function incarnationOfLease(token: string): string {
  return token.slice(token.indexOf("@") + 1);
}
