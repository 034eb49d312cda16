// A program with all that it starts: ended together, also when the test's own process ends early.
import {
  spawn,
  type ChildProcess,
  type SpawnOptions,
} from "node:child_process";

/** A running program. */
export interface ProcessGroup {
  readonly child: ChildProcess;
  /** Ends the program and everything it started; resolves when the program is gone. */
  end(): Promise<void>;
}

const running = new Set<number>();

const signal = (group: number, name: NodeJS.Signals) => {
  try {
    process.kill(-group, name);
  } catch {
    // gone already
  }
};

process.on("exit", () => {
  for (const group of running) signal(group, "SIGKILL");
});

/** Starts a program in a process group of its own. @throws If it cannot be started */
export async function startGroup(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<ProcessGroup> {
  const child = spawn(command, args, { ...options, detached: true });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  const group = child.pid!;
  running.add(group);
  const gone = new Promise<void>((resolve) =>
    child.once("exit", () => resolve()),
  );
  return {
    child,
    async end() {
      if (!running.delete(group)) return gone;
      signal(group, "SIGTERM");
      const late = setTimeout(() => signal(group, "SIGKILL"), 3_000);
      await gone;
      clearTimeout(late);
      signal(group, "SIGKILL"); // what the program left behind
    },
  };
}
