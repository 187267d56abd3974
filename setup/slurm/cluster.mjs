// A Slurm of three nodes on this machine's loopback, for as long as it is tried: each node a slurmd with a port, a spool
// folder and a temporary folder of its own.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PACKAGES = ["slurm-wlm", "slurmctld", "slurmd", "munge"];
const NODES = ["n1", "n2", "n3"];

/** Seconds that a cluster may take to come. */
const START_SECONDS = 20;

function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", ...options });
  if (error !== undefined || status !== 0)
    throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? `${status}\n${stdout}${stderr}`}`);
  return stdout;
}

/** Installs what is missing, where this process may. */
export function installSlurm() {
  if (spawnSync("slurmd", ["-V"]).status === 0) return;
  const more = { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  run("apt-get", ["update", "-q"], more);
  run("apt-get", ["install", "-q", "-y", "--no-install-recommends", ...PACKAGES], more);
}

/** `GraceTime` of the partitions by their names: jobs of `high` take the nodes of the others. */
export const PARTITIONS = { low: 0, grace: 40 };

/** Ports that nobody has: another Slurm may be tried here at the same time. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = servers.map(
    (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port))),
  );
  const found = await Promise.all(ports);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return found;
}

function configuration(folder, [port, ...ports]) {
  const host = hostname().split(".")[0];
  const at = (name) => path.join(folder, name);
  return [
    "ClusterName=loratwin",
    `SlurmctldHost=${host}(127.0.0.1)`,
    "SlurmUser=root\nSlurmdUser=root",
    `AuthType=auth/munge\nCredType=cred/munge\nAuthInfo=socket=${at("munge/socket")}`,
    `StateSaveLocation=${at("state")}\nSlurmdSpoolDir=${at("spool.%n")}\nTmpFS=${at("tmp.%n")}`,
    `SlurmctldPidFile=${at("slurmctld.pid")}\nSlurmdPidFile=${at("slurmd.%n.pid")}`,
    `SlurmctldLogFile=${at("slurmctld.log")}\nSlurmdLogFile=${at("slurmd.%n.log")}`,
    `SlurmctldPort=${port}\nProctrackType=proctrack/pgid\nTaskPlugin=task/none`,
    "SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\nSchedulerType=sched/backfill",
    "SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0",
    "ReturnToService=2\nMpiDefault=none\nKillWait=5\nJobRequeue=1",
    "PreemptType=preempt/partition_prio\nPreemptMode=REQUEUE",
    ...NODES.map((name, i) => `NodeName=${name} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${ports[i]} CPUs=2`),
    ...Object.entries(PARTITIONS).map(
      ([name, grace], i) =>
        `PartitionName=${name} Nodes=n[1-3] Default=${i === 0 ? "YES" : "NO"} PriorityTier=1 GraceTime=${grace}`,
    ),
    "PartitionName=high Nodes=n[1-3] PriorityTier=10 PreemptMode=OFF",
  ].join("\n");
}

/** Starts it; what it gives is used by its programs as `env`. */
export async function startCluster() {
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-slurm-"));
  const at = (name) => path.join(folder, name);
  for (const name of ["state", "munge", ...NODES.flatMap((node) => [`spool.${node}`, `tmp.${node}`])])
    mkdirSync(at(name), { mode: 0o700 });
  writeFileSync(at("munge/key"), randomBytes(1024), { mode: 0o400 });
  writeFileSync(at("slurm.conf"), `${configuration(folder, await freePorts(1 + NODES.length))}\n`);
  chmodSync(folder, 0o755);
  const env = { ...process.env, SLURM_CONF: at("slurm.conf") };
  const files = ["key", "socket", "pid", "log", "seed"].map((name) => at(`munge/${name}`));
  const [key, socket, pid, log, seed] = files;
  const slurm = (program, args, options = {}) => run(program, args, { env, ...options });
  const stop = async () => {
    for (const name of ["slurmctld.pid", ...NODES.map((node) => `slurmd.${node}.pid`), "munge/pid"])
      if (existsSync(at(name))) spawnSync("kill", [readFileSync(at(name), "utf8").trim()]);
    // They write to the folder until they have ended.
    await sleep(1000);
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  };
  try {
    run("munged", [
      ...["--force", `--key-file=${key}`, `--socket=${socket}`, `--pid-file=${pid}`],
      ...[`--log-file=${log}`, `--seed-file=${seed}`],
    ]);
    slurm("slurmctld", []);
    for (const node of NODES) slurm("slurmd", ["-N", node]);
    for (let tries = 10 * START_SECONDS; ; tries -= 1) {
      const { stdout } = spawnSync("sinfo", ["-h", "-p", "high", "-o", "%T %D"], { env, encoding: "utf8" });
      if (stdout.trim() === `idle ${NODES.length}`) break;
      if (tries === 0) throw new Error(`no idle nodes after ${START_SECONDS} s: ${stdout}`);
      await sleep(100);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { env, slurm, stop };
}
