// What preemptions cost a run under Slurm, beside what the simulator says of them.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const EVERY_SECONDS = 15;

/** Until a node has ended the processes of a job. */
const SETTLE_MS = 3000;

/** Milliseconds from the first of some events to the next of others behind each. */
function between(lines, from, to) {
  const spans = [];
  let begun;
  for (const { event, time } of lines) {
    if (event === from) begun ??= Date.parse(time);
    else if (to.includes(event) && begun !== undefined) {
      spans.push(Date.parse(time) - begun);
      begun = undefined;
    }
  }
  return spans;
}

/** The events of a run so far; none before it begins. */
function eventsOf(folder) {
  try {
    return readFileSync(path.join(folder, "journal.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line.endsWith("}"))
      .map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

/** Seconds from the first action of a run's first start to the end of its last job. */
function secondsOf(events) {
  const ready = events.find(({ event }) => event === "ready");
  const end = events.findLast(({ event }) => event === "job ended");
  return (Date.parse(end.time) - Date.parse(ready.time)) / 1000;
}

/** The costs of a calibration at the pace of a run: how fast the machine is today is another question. */
function pacedCosts(file, slower) {
  const { operators, ...costs } = JSON.parse(readFileSync(file, "utf8"));
  const scaled = (numbers) => Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, value * slower]));
  return { ...costs, operators: operators.map((each) => ({ ...each, coefficients: scaled(each.coefficients) })) };
}

/**
 * Carries a plan out without a break, and again with a preemption some seconds after the first action of each start. It
 * compares the time of the second with what the simulator says by the first. `plan`, `costs`: files. Returns a line for
 * people. @throws Error where the time does not lie in the simulated interval
 */
export async function tryInterrupted({ at, batch, isOver, loratwin, slurm, state, until }, { plan, costs, notice }) {
  const whole = batch("timed-whole");
  await until("the run without a break ends", () => isOver(whole), 240);
  const { makespanSeconds } = JSON.parse(readFileSync(at(plan), "utf8")).predicted;
  const wholeSeconds = secondsOf(eventsOf(at("timed-whole")));
  writeFileSync(at("paced.json"), JSON.stringify(pacedCosts(at(costs), wholeSeconds / makespanSeconds)));

  const events = () => eventsOf(at("interrupted"));
  const count = (name) => events().filter(({ event }) => event === name).length;
  const has = (name) => count(name) > 0;
  let job = batch("interrupted");
  for (let start = 1; !has("ended"); start += 1) {
    const isReady = () => {
      // What is left of a step that was preempted may end the next one.
      if (isOver(job)) job = batch("interrupted");
      // Slurm lets a job that was preempted wait for minutes, and holds one that was preempted five times.
      if (["PENDING", "REQUEUE_HOLD"].includes(state(job))) {
        slurm("scontrol", ["release", job]);
        slurm("scontrol", ["update", `JobId=${job}`, "StartTime=now"]);
      }
      return count("ready") === start;
    };
    await until("devices are ready", isReady, 120);
    const ready = Date.parse(events().findLast(({ event }) => event === "ready").time);
    while (!has("ended") && Date.now() < ready + 1000 * EVERY_SECONDS) await sleep(20);
    if (has("ended")) break;
    const high = slurm("sbatch", ["--parsable", "-o", at("high.log"), at("high.sbatch")]).trim();
    await until("the run has ended early", () => count("ended early") === start || has("ended"), 120);
    await until("the other job is over", () => isOver(high), 120);
    await sleep(SETTLE_MS);
  }
  // One that was preempted at its end would come again.
  if (!isOver(job)) slurm("scancel", [job]);
  await until("the job ends", () => isOver(job));

  const notices = between(events(), "ready", ["asked to end", "notice"]).slice(0, count("ended early"));
  const every = notices.reduce((sum, ms) => sum + ms / 1000, 0) / notices.length;
  const { interval, totalSeconds, interruptions } = JSON.parse(
    loratwin(
      ...["simulate", plan, "--calibration", "paced.json", "--measured-by", "interrupted", "--samples", "20"],
      ...["--interrupted-every", every.toFixed(3), "--notice-seconds", `${notice}`, "--json"],
    ),
  );
  const seconds = secondsOf(events());
  const text =
    `executed ${seconds.toFixed(1)} s with ${notices.length} preemptions, one after ${every.toFixed(1)} s; simulated ` +
    `${totalSeconds.toFixed(1)} s (${interval.low.toFixed(1)} to ${interval.high?.toFixed(1)} s) with ` +
    `${interruptions}; without a break ${wholeSeconds.toFixed(1)} s, predicted before ${makespanSeconds.toFixed(1)} s`;
  if (seconds < interval.low || seconds > (interval.high ?? Number.POSITIVE_INFINITY)) throw new Error(text);
  return text;
}
