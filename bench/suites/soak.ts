import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { DeviceError, median, quantile } from "../../core/index.ts";
import { nativeInfo } from "../../exec/index.ts";
import { packageFile } from "../../files/index.ts";
import type { JobStatus } from "../../server/index.ts";
import { outputOf } from "../own-process.ts";
import { type Soak, soak } from "../soak-script.ts";
import { startData } from "../start-data.ts";
import type { Bench, Scale, Suite } from "../suite.ts";

const MAIN = packageFile("dist", "cli", "main.js");

const SECONDS: Readonly<Record<Scale, number>> = { full: 1800, default: 150, quick: 60, tiny: 8 };
/** Shares of the time: what comes before is warm-up; what is compared are the two ends of what is left. */
const WARM = 0.3;
const END = 0.15;
/** Between collections a process holds garbage, now more and now less: of its samples this share has little of it. */
const LOWEST = 0.1;

const count = (jobs: readonly JobStatus[], standing: string): number =>
  jobs.filter((job) => job.standing === standing).length;

/** Every job has come to an end that its folder tells of as well. @throws DeviceError for one that has not */
function checkAccounts(run: string, { jobs, submitted }: Soak): void {
  const lost = submitted + 1 - jobs.length;
  if (lost !== 0) throw new DeviceError({ expected: `${submitted + 1} jobs`, got: jobs.length });
  const journal = readFileSync(path.join(run, "journal.jsonl"), "utf8");
  const diverged = new Set([...journal.matchAll(/"event":"job stopped","job":"([^"]+)"/g)].map(([, name]) => name));
  for (const { name, standing, done, adapter } of jobs) {
    const isWritten = existsSync(path.join(run, "adapters", name, "adapter_model.safetensors"));
    const isDue = standing === "ended" || (done > 0 && !diverged.has(name) && standing !== "refused");
    if (isWritten !== isDue || isDue !== (adapter !== null))
      throw new DeviceError({
        expected: `${isDue ? "an" : "no"} adapter of ${name}, ${standing} after ${done}`,
        got: isWritten ? "one" : "none",
      });
  }
}

async function measure({ scale, record, note }: Bench): Promise<void> {
  using data = startData("tiny");
  const { folder } = data;
  const file = data.writeWorkload({ model: data.trained(), jobs: 1, steps: 50 });
  const { defaults } = JSON.parse(readFileSync(path.join(folder, file), "utf8"));
  const devices = nativeInfo().cores.length < 2 ? "cpu:0" : "cpu:0,cpu:1";
  const options = ["--devices", devices, "--pipelines", "1", "--jobs-at-once", "3", "--checkpoint-minutes", "0.5"];
  const seconds = SECONDS[scale];
  const soaked = await soak({ folder, data: defaults.data, seconds }, [file, ...options, "--policy", "mlora"]);
  const { samples, jobs, asked } = soaked;
  const run = path.join(folder, "run");
  const preempted = (readFileSync(path.join(run, "journal.jsonl"), "utf8").match(/"kind":"preempt"/g) ?? []).length;
  const warm = samples.slice(Math.floor(WARM * samples.length));
  const numEnds = Math.max(1, Math.round((END / (1 - WARM)) * warm.length));
  const bytes = warm.map((sample) => sample.bytes);
  const ends = [bytes.slice(0, numEnds), bytes.slice(-numEnds)] as const;
  const [first, last] = [median(ends[0]), median(ends[1])];
  const [least, leastLast] = [quantile(ends[0], LOWEST), quantile(ends[1], LOWEST)];
  const parameters = { fleet: devices, seconds };
  const add = (name: string, value: number, unit: string): void =>
    record({ name, parameters, value, unit, repetitions: 1, spread: null });
  add("jobs", jobs.length, "jobs");
  add("ended", count(jobs, "ended"), "jobs");
  add("stopped, diverged", count(jobs, "stopped"), "jobs");
  add("cancelled", count(jobs, "cancelled"), "jobs");
  add("preempted", preempted, "times");
  add("asked of jobs", asked, "times");
  add("memory after warm-up", first, "B");
  add("memory at the end", last, "B");
  add("growth", last / first - 1, "share");
  add("memory after warm-up, lowest tenth", least, "B");
  add("memory at the end, lowest tenth", leastLast, "B");
  add("growth of the lowest tenth", leastLast / least - 1, "share");
  // Half an hour is not for nothing where what comes next finds a fault: nothing is recorded then.
  note(
    `${jobs.length} jobs, ${first} B after the warm-up, ${last} B at the end (lowest tenth: ${least}, ${leastLast})`,
  );
  checkAccounts(run, soaked);
  await outputOf("validate", process.execPath, [MAIN, "validate", run, "--quiet"], { cwd: folder });
}

export const soaked: Suite = {
  describe:
    "a fleet for half an hour while jobs come, end, diverge, are paused, preempted and cancelled: memory, accounts",
  cases: ({ scale }) => [{ name: "two devices", seconds: SECONDS[scale] + 15, run: measure }],
};
