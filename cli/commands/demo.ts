import path from "node:path";
import { parse, stringify } from "yaml";
import { rangeOfPlan } from "../../calibration/index.ts";
import { canonicalJson, formatSeconds } from "../../core/index.ts";
import { initModel } from "../../datasets/index.ts";
import { nativeInfo, openModelFolder } from "../../exec/index.ts";
import { absolute, packageFile, readInput, silent, writeLines, writeOutput } from "../../files/index.ts";
import { createCostModel, planFileText } from "../../plan/index.ts";
import { lossesByJob, removeRun, replayPlan, runSummary } from "../../runs/index.ts";
import { simulate } from "../../sim/index.ts";
import { compareTable, compareTraces, traceLines } from "../../traces/index.ts";
import { calibrateDevices, createPlan, machinePart, today } from "../../workbench/index.ts";
import { type Command, optionalCount, requiredText } from "../command.ts";
import { planText } from "../describe-plan.ts";
import { endText, runText } from "../describe-run.ts";
import type { Io } from "../io.ts";
import { printResult } from "../output.ts";
import { planIntervals } from "../plan-intervals.ts";
import { CACHE_OPTIONS } from "../prediction-options.ts";
import { trainIntoFolder } from "../train-into-folder.ts";
import { writeReport } from "../write-report.ts";

/** A model on which two devices have something to do and which trains in seconds. */
const MODEL = { hiddenSize: 128, layers: 4, heads: 4, kvHeads: 2, seed: 1, maxPositions: 512 };

/** The example workload with paths that hold in the demo's folder. */
function writeWorkload(io: Io, file: string, model: string, steps: number | undefined): void {
  const source = packageFile("examples", "workload.yaml");
  const workload = parse(readInput(io, source, "the example workload").text) as {
    model: { path: string };
    defaults: { steps: number };
    jobs: { data: { path: string } }[];
  };
  workload.model.path = model;
  if (steps !== undefined) workload.defaults.steps = steps;
  for (const job of workload.jobs) job.data.path = path.resolve(path.dirname(source), job.data.path);
  writeOutput(io, file, stringify(workload));
}

export const demoCommand: Command = {
  usage: "demo",
  describe: "all main steps on example data: calibrate, plan 4 adapters, simulate, train, compare, report",
  examples: [["$0 demo -o demo", "everything is written to demo/"]],
  positionals: {},
  uses: [
    {
      input: "the example",
      options: {
        output: { type: "string", alias: "o", writes: true, default: "demo", describe: "folder to write" },
        steps: {
          type: "number",
          describe: "optimizer steps of each adapter (default: as in the example workload)",
        },
        ...CACHE_OPTIONS,
      },
    },
  ],
  async run(args, io) {
    const folder = requiredText(args, "output");
    const at = (...names: readonly string[]): string => path.join(folder, ...names);
    const say = (text: string): void => {
      if (args["json"] !== true) io.stdout(`${text}\n`);
    };
    const numDevices = Math.min(2, nativeInfo().cores.length);
    const devices = Array.from({ length: numDevices }, (_, i) => `cpu:${i}`).join();

    // Calibrated anew, another demo's plan is another one.
    removeRun(io, at("run"));
    const made = initModel({ ...MODEL, folder: absolute(io, at("model")) });
    writeWorkload(io, at("workload.yaml"), absolute(io, at("model")), optionalCount(args, "steps"));
    say(`1. model      ${made.numParameters} parameters, random, ${at("model")}`);

    const quiet = silent(io.cwd);
    const draft = await createPlan(quiet, at("workload.yaml"), { devices });
    const model = openModelFolder(absolute(io, at("model")));
    let began = performance.now();
    const calibration = await calibrateDevices([{ range: rangeOfPlan(draft.plan), model }], today(), () => {});
    writeOutput(io, at("calibration.json"), `${canonicalJson(calibration)}\n`);
    say(
      `2. calibrate  ${calibration.operators.length} operators on ${devices} in ${formatSeconds((performance.now() - began) / 1e3)}; actions kept out of the fit: ${(100 * calibration.holdOut.meanAbsError).toFixed(1)} % mean error`,
    );

    const measured = { devices, calibration: at("calibration.json") };
    const { plan, loaded } = await createPlan(quiet, at("workload.yaml"), measured);
    writeOutput(io, at("plan.json"), planFileText(plan));
    const intervals = await planIntervals(io, args, plan, calibration);
    say(`3. plan       ${at("plan.json")}\n\n${planText(plan, undefined, intervals)}\n`);

    began = performance.now();
    const trace = simulate({
      plan,
      planHash: plan.hash,
      costModel: createCostModel(calibration, plan.model.dtype),
    });
    const simulated = intervals === undefined ? trace : { ...trace, intervals };
    writeLines(io, at("simulated.json"), traceLines(simulated));
    say(
      `4. simulate   ${simulated.events.length} events in ${formatSeconds((performance.now() - began) / 1e3)}, ${at("simulated.json")}`,
    );

    const trained = await trainIntoFolder(io, args, at("run"), {
      plan,
      model,
      data: loaded.data,
    });
    const { result, part } = trained;
    if (part !== undefined) {
      io.stderr(`${endText(plan, part)}, in ${at("run")}; the demo compares whole runs.\n`);
      return 130;
    }
    say(`5. train      ${at("run")}\n\n${runText(runSummary(io, at("run"), plan, trained, new Map()))}\n`);

    const machine = machinePart(plan, [simulated, result.trace]);
    const comparison = compareTraces(simulated, result.trace, { replayed: replayPlan(plan, result.trace), machine });
    say(`6. compare\n\n${compareTable(comparison)}\n`);
    writeReport(io, at("report.html"), {
      title: "loratwin demo: four adapters on two CPU devices",
      plan,
      traces: [simulated, result.trace],
      losses: result.metrics,
      machine,
    });
    const files = {
      model: at("model"),
      workload: at("workload.yaml"),
      calibration: at("calibration.json"),
      plan: at("plan.json"),
      simulated: at("simulated.json"),
      run: at("run"),
      report: at("report.html"),
    };
    printResult(
      io,
      args,
      { ...files, comparison, losses: Object.fromEntries(lossesByJob(result.metrics)) },
      () =>
        `7. report     ${files.report}  (open it in a browser; traces open in Perfetto)\n              adapters for PEFT: ${at("run", "adapters")}`,
    );
    return 0;
  },
};
