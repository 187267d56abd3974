// apt and dnf behind one shape, with sudo in front where the user is not root and sudo asks for no password. With
// LORATWIN_NO_SYSTEM_PACKAGES=1 there is none, and nothing is asked of root: what is missing is named.
import { findProgram } from "./search-path.mjs";
import { answers, runs, say } from "./terminal.mjs";

const managers = {
  apt: {
    program: "apt-get",
    refresh: ["update", "-q"],
    install: ["install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"],
    offers: (name) => answers("apt-cache", ["show", "--no-all-versions", name]),
  },
  dnf: {
    program: "dnf",
    refresh: ["makecache", "-q"],
    install: ["install", "-y", "-q"],
    offers: (name) => answers("dnf", ["-q", "info", name]),
  },
};

function privilege() {
  if (process.getuid?.() === 0) return [];
  return findProgram(["sudo"]) !== undefined && answers("sudo", ["-n", "true"]) ? ["sudo", "-n"] : undefined;
}

let refreshed = false;

/** The machine's package manager with `refresh`, `offers` and `install`, or undefined where none can be used. */
export function findPackageManager() {
  if (process.env.LORATWIN_NO_SYSTEM_PACKAGES === "1") return undefined;
  const kind = Object.keys(managers).find((name) => findProgram([managers[name].program]) !== undefined);
  const prefix = privilege();
  if (kind === undefined || prefix === undefined) return undefined;
  const { program, refresh, install, offers } = managers[kind];
  const environment = ["env", "DEBIAN_FRONTEND=noninteractive"];
  const run = (args) => {
    const [first, ...rest] = [...prefix, ...environment, program, ...args];
    return runs(first, rest);
  };
  return {
    kind,
    offers,
    /** Reads the package lists, once for all steps. */
    refresh() {
      if (refreshed) return;
      refreshed = true;
      say(`reading the package lists (${program} ${refresh[0]})`);
      if (!run(refresh)) say("the package lists could not be read anew; going on with the old ones");
    },
    install(names) {
      say(`installing with ${program}: ${names.join(" ")}`);
      return run([...install, ...names]);
    },
  };
}
