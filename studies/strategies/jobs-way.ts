import { groupBy } from "../../core/index.ts";
import { CauseSums, chainOf, type PathStep, PathSums, type SeenWay } from "../../traces/index.ts";
import { type JobsRun, type PlacedStep, type SimulatedJobs, simulateStep, stepKey } from "./simulate-jobs.ts";
import { StepRun } from "./step-causes.ts";

/**
 * What the time of the run goes to, and what its end waits for, with the path over its first `numSteps`. Steps follow one
 * another, so that those that are equal are told once.
 */
export function jobsWay(run: JobsRun, { steps }: SimulatedJobs, numSteps = 0): SeenWay {
  const { devices, schedule, hash } = run;
  const [sums, pathSums] = [new CauseSums(), new PathSums(devices)];
  const paths = new Map<PlacedStep, readonly PathStep[]>();
  const shown = new Set(steps.slice(0, numSteps));
  const [first, last] = [steps[0], steps.at(-1)];
  let makespanNs = 0;
  const alike = groupBy(steps, (step) => `${stepKey(run, step.job, step.step)} ${step === first} ${step === last}`);
  for (const same of alike.values()) {
    const { job, step } = same[0]!;
    const place = { isFirst: same[0] === first, isLast: same[0] === last };
    const stepRun = new StepRun(simulateStep(run, job, step), devices.length, place);
    stepRun.addCauses(sums, same.length);
    const path = chainOf(stepRun);
    pathSums.add(path, same.length);
    for (const each of same) if (shown.has(each)) paths.set(each, path);
    makespanNs += (stepRun.endNs - stepRun.startNs) * same.length;
  }
  return {
    facts: { planHash: hash, schedule, numPipelines: null, numGroups: null, criticalPath: pathSums.causes() },
    causes: { makespanNs, causes: sums.means(devices.length) },
    path: steps.slice(0, numSteps).flatMap((placed) =>
      paths.get(placed)!.map((each) => ({
        ...each,
        startNs: each.startNs + placed.startNs,
        endNs: each.endNs + placed.startNs,
      })),
    ),
  };
}
