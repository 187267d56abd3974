// The systems that try-machines.mjs tries.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const DEMO = [{ command: "npm run demo --silent" }];
/** With ccache, which keeps what is compiled for cases that differ in something else. */
const TOOLS = ["g++", "cmake", "make", "ccache"];
/** Slurm, and what tests of machines with a network take. */
const SLURM = ["slurm-wlm", "munge", "iproute2", "procps"];
/** Debian's choice of a program, by the names of both. */
const ofMpich = (names) => `update-alternatives --set ${names.replace(" ", " /usr/bin/")}.mpich`;
const RANK_TESTS = "LORATWIN_TESTS=nightly npx vitest run test/ranks/mpi.test.ts test/cli/launched.test.ts";
const LAUNCHERS = { command: "npm run slurm --silent -- launchers" };
/** The beginnings of its lines. */
const cells = (text) => text.match(/^(?:ok|FAIL) .{0,34}/gm).join(" | ");
const withoutRoot = { LORATWIN_NO_SYSTEM_PACKAGES: "1" };

/** What an installed package is tried with, by a user who has no compiler. */
function installed(packages, pattern) {
  const find = () =>
    readdirSync(packages)
      .filter((name) => pattern.test(name))
      .map((name) => join(packages, name));
  return { files: find, isThere: existsSync(packages) && find().length > 0 };
}

/** `packages`: the folder with what build-packages.mjs made. */
export function cases(packages) {
  const npm = installed(packages, /\.tgz$/);
  const wheel = installed(packages, /\.whl$/);
  const compiler = (name, release, packagesOf, CXX) => ({
    ...{ name, release, packages: [...packagesOf, "cmake", "make"], env: { CXX, ...withoutRoot } },
    ...{ about: `${release} with ${CXX}`, steps: DEMO },
  });
  const all = [
    { name: "debian-13", release: "trixie", about: "a fresh Debian 13, root", steps: DEMO },
    { name: "debian-12", release: "bookworm", about: "a fresh Debian 12, root", steps: DEMO },
    compiler("g++-11", "bookworm", ["g++-11"], "g++-11"),
    compiler("g++-12", "bookworm", ["g++-12"], "g++-12"),
    compiler("g++-13", "trixie", ["g++-13"], "g++-13"),
    compiler("g++-14", "trixie", ["g++-14"], "g++-14"),
    compiler("clang-15", "bookworm", ["clang-15"], "clang++-15"),
    compiler("clang-19", "trixie", ["clang-19"], "clang++-19"),
    {
      ...{ name: "no-mpi-headers", release: "trixie", about: "mpirun without MPI's headers", env: withoutRoot },
      ...{ packages: [...TOOLS, "openmpi-bin"], steps: DEMO },
    },
    {
      ...{ name: "no-onednn", release: "trixie", about: "no oneDNN", env: withoutRoot, packages: TOOLS },
      ...{ steps: DEMO },
    },
    {
      ...{ name: "no-compiler", release: "trixie", about: "no compiler, and nobody who may install one" },
      ...{ env: withoutRoot, steps: DEMO, expects: "says what to do" },
    },
    {
      ...{ name: "offline", release: "trixie", about: "no network after npm run build" },
      ...{ packages: TOOLS, env: withoutRoot },
      ...{ steps: [{ command: "npm run build --silent" }, { command: "npm run demo --silent", offline: true }] },
    },
    {
      ...{ name: "read-only-home", release: "trixie", about: "a home that cannot be written", readOnlyHome: true },
      ...{ packages: TOOLS, env: { ...withoutRoot, npm_config_cache: "/tmp/npm" }, steps: DEMO },
    },
    {
      ...{ name: "odd-path", release: "trixie", about: "a path with spaces and umlauts" },
      ...{ place: "/srv/lora twin äöü", packages: TOOLS, env: withoutRoot, steps: DEMO },
    },
    {
      ...{ name: "user", release: "trixie", about: "a user that is not root", user: "tester", packages: TOOLS },
      ...{ env: {}, steps: DEMO },
    },
    {
      ...{ name: "2-gb", release: "trixie", about: "2 GB of memory", memory: 2e9, packages: TOOLS, env: withoutRoot },
      ...{ steps: DEMO },
    },
    {
      ...{
        name: "mpi-4.1",
        release: "bookworm",
        about: "Open MPI 4.1 with Slurm and MPICH's mpirun",
        env: withoutRoot,
      },
      packages: [...TOOLS, ...SLURM, "openmpi-bin", "libopenmpi-dev", "mpich"],
      steps: [{ command: "npm run build --silent" }, { command: RANK_TESTS }, LAUNCHERS],
      read: cells,
    },
    ...["bookworm", "trixie"].map((release) => ({
      ...{ name: `mpich-${release}`, release, about: `MPICH with Slurm and Open MPI's mpirun on ${release}` },
      ...{ env: withoutRoot, packages: [...TOOLS, ...SLURM, "mpich", "libmpich-dev", "openmpi-bin"] },
      // Open MPI's compiler and mpirun would come first.
      steps: [{ command: ["mpi mpicc", "mpirun mpirun"].map(ofMpich).join(" && ") }, LAUNCHERS],
      read: cells,
    })),
    ...[22, 24].map((node) => ({
      ...{ name: `node-${node}`, release: "trixie", about: `Node ${node}`, node, packages: TOOLS, env: withoutRoot },
      ...{ steps: DEMO },
    })),
    ...["bullseye", "bookworm", "trixie"].flatMap((release) => [
      {
        ...{ name: `npm-${release}`, release, about: `the npm packages on ${release}, a user without a compiler` },
        ...{ place: "/srv/empty", user: "tester", isThere: npm.isThere, files: npm.files },
        ...{ steps: [{ command: "npm install ./loratwin-*.tgz --no-audit --no-fund && npx loratwin demo" }] },
      },
      {
        ...{ name: `pip-${release}`, release, about: `the wheel on ${release}, a user without a compiler` },
        ...{ place: "/srv/empty", user: "tester", packages: ["python3-venv"], isThere: wheel.isThere },
        files: wheel.files,
        steps: [{ command: "python3 -m venv v && v/bin/pip install -q ./loratwin-*.whl && v/bin/loratwin demo" }],
      },
    ]),
  ];
  return all.filter(({ isThere = true }) => isThere);
}
