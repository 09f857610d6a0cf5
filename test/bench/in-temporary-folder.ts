import { GuardedFolder } from "../support/servers/guarded-folder.ts";

/** Removes the folder and all in it when the work has ended, and also when this process is killed before. */
export async function inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await GuardedFolder.create("bench");
  try {
    return await work(folder.path);
  } finally {
    await folder.remove();
  }
}
