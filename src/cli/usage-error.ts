/** The command line asks for something that cannot be; nothing has been done. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
