// Installs what a browser test needs, from the package registries: Debian's as root, else Playwright's builds.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/**
 * Installs packages, one way after the other until `isThere` says so; prints each command on standard error.
 * @param packages names of Debian packages
 * @param builds names of Playwright's builds
 * @returns the attempts that failed, each in one line; empty once one succeeded
 */
export function installBrowser(packages, builds, isThere) {
  const failed = [];
  const attempt = (commands) => {
    for (const [command, ...args] of commands) {
      console.error(`> ${command} ${args.join(" ")}`);
      const { status, error } = spawnSync(command, args, {
        stdio: ["ignore", 2, 2],
        timeout: 600_000,
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      });
      if (status === 0) continue;
      failed.push(
        `${command} ${args.join(" ")}: ${error?.message ?? `exit code ${status}`}`,
      );
      return false;
    }
    return isThere();
  };
  const aptGet = existsSync("/etc/debian_version") && process.getuid?.() === 0;
  if (!aptGet)
    failed.push(
      `apt-get install ${packages.join(" ")}: needs root on a Debian or a derivative`,
    );
  const done =
    (aptGet &&
      attempt([
        ["apt-get", "update", "-qq"],
        [
          "apt-get",
          "install",
          "-y",
          "-qq",
          "--no-install-recommends",
          ...packages,
        ],
      ])) ||
    (builds.length > 0 &&
      attempt([
        [
          "npx",
          "playwright",
          "install",
          ...(aptGet ? ["--with-deps"] : []),
          ...builds,
        ],
      ]));
  return done ? [] : failed;
}
