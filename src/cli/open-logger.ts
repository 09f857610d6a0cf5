import { type Logger, pino } from "pino";

export interface LoggerOptions {
  readonly level: string;
  /** Takes secrets out of every line. */
  readonly redact: (text: string) => string;
  /** A terminal gets readable lines, everything else JSON. */
  readonly isTerminal: boolean;
}

/** stdout is never for logs: over stdio it carries the protocol, in the shell form the answer. */
const stderrFd = 2;

/** A parent that does not read our stderr must not stop us; what is beyond this is dropped. */
const unreadMaxBytes = 1024 * 1024;

export async function openLogger({ level, redact, isTerminal }: LoggerOptions): Promise<Logger> {
  const options = {
    level,
    hooks: { streamWrite: redact },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  if (isTerminal) {
    const { default: pretty } = await import("pino-pretty");
    const readable = {
      destination: stderrFd,
      sync: true,
      ignore: "pid,hostname",
      singleLine: true,
    };
    return pino(options, pretty({ ...readable, translateTime: "SYS:HH:MM:ss" }));
  }
  const stderr = pino.destination({ fd: stderrFd, sync: false, maxLength: unreadMaxBytes });
  return pino(options, stderr);
}
