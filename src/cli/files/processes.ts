// Whether a program that left something behind is still there.
import { readFile } from "node:fs/promises";

/** Whether a process of this machine runs. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // of another user
  }
  // In a container nobody may have asked how a killed process ended: Linux keeps it as a zombie ("Z" after its name).
  const state = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  return !/\) [ZX] [^)]*$/.test(state);
}
