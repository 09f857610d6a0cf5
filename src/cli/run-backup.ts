import { systemClock } from "../lib/clock.ts";
import type { CliContext } from "./cli-context.ts";
import type { ExitCode } from "./exit-code.ts";
import type { BackupCommand, RestoreCommand } from "./parse-operator-command.ts";
import { printReport } from "./print-reply.ts";
import { ProgressLine } from "./progress-line.ts";
import { withApp } from "./with-app.ts";

/** Writes the store into a file. Errors: as Backup.run and withApp. */
export async function runBackup(
  { file, gzip, resume, json }: BackupCommand,
  context: CliContext,
): Promise<ExitCode> {
  const line = new ProgressLine({ label: "backup", json }, context, systemClock);
  try {
    const report = await withApp(context, ({ operators }) =>
      operators.backup.run({
        path: file,
        gzip,
        resume,
        signal: context.stop,
        progress: line.show,
      }),
    );
    line.finish();
    context.stdout.write(printReport(report, json));
    return 0;
  } finally {
    line.clear();
  }
}

/** Brings a file into the store, or only reads it. Errors: as Restore.run, examineBackup and withApp. */
export async function runRestore(
  { file, checkOnly, evenPurged, json }: RestoreCommand,
  context: CliContext,
): Promise<ExitCode> {
  if (checkOnly) {
    const { examineBackup } = await import("../backup/restore.ts");
    const contents = await examineBackup(file, context.stop);
    context.stdout.write(printReport({ path: file, ...contents, isWhole: true }, json));
    return 0;
  }
  const line = new ProgressLine({ label: "restore", json }, context, systemClock);
  try {
    const report = await withApp(context, ({ operators }) =>
      operators.restore.run({
        path: file,
        evenPurged,
        signal: context.stop,
        progress: line.show,
      }),
    );
    line.finish();
    context.stdout.write(printReport(report, json));
    return report.refused + report.fates.purged > 0 ? 1 : 0;
  } finally {
    line.clear();
  }
}
