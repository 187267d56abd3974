import { existsSync } from "node:fs";
import path from "node:path";
import { maximum } from "../../core/index.ts";
import { packageFile } from "../../files/index.ts";
import {
  chooseRows,
  fitCorrected,
  fitDeviceMemory,
  fitLayerTimes,
  fitPipeline,
  fitSmooth,
  type Iteration,
  type IterationModel,
  type IterationSetting,
  type LayerTime,
  layerTimePrediction,
  leaveOneOut,
  type MeasuredPlan,
  type Prediction,
  peakPrediction,
  pipelinePrediction,
  predictIteration,
  relativeError,
  scoreOf,
} from "../../studies/index.ts";
import { deviceOf } from "../external/device-of.ts";
import { scoreExperts } from "../external/expert-times.ts";
import { scoreKernels } from "../external/kernel-times.ts";
import type { ProfiledPipelines } from "../external/profiled-pipelines.ts";
import { type Observations, readObservations } from "../external/read-observations.ts";
import { scorePeakMemory, scoreTrainingSteps } from "../external/score-training-steps.ts";
import type { Scored } from "../external/scored.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";

const DRAWS: Readonly<Record<Scale, number>> = { full: 8, default: 8, quick: 3, tiny: 1 };
/** Rows of a table of iterations that the model may see. */
const ITERATION_ROWS = 72;
/**
 * Source of both: the vocabulary is GPT-2's (Radford et al. 2019), the rate is what four more transfers of two more
 * stages add to the rows.
 */
const GPT_VOCABULARY = 50257;
const STAGE_BYTES_PER_SECOND = 26.84e9;
/** Assumed of rows with more than one machine: four ports of 200 Gbit/s. */
const NETWORK_BYTES_PER_SECOND = 100e9;
const DEVICES_PER_MACHINE = 8;

/** Fewer rows than these say nothing by themselves: they are only predicted from published ones. */
const LEAST_PLANS = 4;
const LEAST_ITERATIONS = 20;
const LEAST_LAYER_TIMES = 3;

function scorePipelines({ model, plans }: ProfiledPipelines): readonly Scored[] {
  const unfitted = { smallestFactor: 1, hostSeconds: 0, flattenSecondsPerByte: 0, reduceFactor: 1 };
  const time = (fit: typeof unfitted, plan: MeasuredPlan): Prediction => pipelinePrediction(model, plan, fit);
  const fitMemory = (rows: readonly MeasuredPlan[]) => fitDeviceMemory(model.layers, rows);
  const everyOther = "all others (leave one out)";
  return [
    {
      model: "time, profile as given",
      fitted: 0,
      fitRows: "none",
      predictions: plans.map((plan) => time(unfitted, plan)),
    },
    {
      model: "time, blocking transfers, host and reduction",
      fitted: 4,
      fitRows: everyOther,
      predictions: leaveOneOut(plans, (rows) => fitPipeline(model, rows), time),
    },
    {
      model: "peak memory",
      fitted: 3,
      fitRows: everyOther,
      predictions: leaveOneOut(plans, fitMemory, (fit, plan) => peakPrediction(model.layers, plan, fit)),
    },
  ];
}

/** Rows that only differ from those of the fit by more of something. */
const EXTRAPOLATIONS: Readonly<Record<string, (row: Iteration) => number>> = {
  devices: (row) => row.tensorParallel * row.dataParallel * row.pipelineParallel,
  stages: (row) => row.pipelineParallel,
  layers: (row) => row.layers,
  "hidden size": (row) => row.hiddenSize,
};

/** Fitted on rows below the largest value of one quantity, the others predicted. */
function extrapolateIterations(rows: readonly Iteration[], setting: IterationSetting): readonly Scored[] {
  return Object.entries(EXTRAPOLATIONS).flatMap(([name, quantity]) => {
    const largest = maximum(rows.map(quantity));
    const below = rows.filter((row) => quantity(row) < largest);
    if (below.length === 0) return [];
    const chosen = chooseRows(below, ITERATION_ROWS, 1, "covering");
    const model = fitCorrected(
      below.filter((_row, index) => chosen.has(index)),
      setting,
    );
    return [
      {
        model: "time, corrected by cell",
        fitted: Object.keys(model.parameters).length,
        fitRows: `${chosen.size} covering, ${name} below ${largest}`,
        predictions: rows
          .filter((row) => quantity(row) === largest)
          .map((row) => predictIteration(row, setting, model)),
      },
    ];
  });
}

function iterationSetting(about: string): IterationSetting {
  const device = deviceOf(about);
  return {
    peaks: device,
    vocabularySize: GPT_VOCABULARY,
    transferBytesPerSecond: STAGE_BYTES_PER_SECOND,
    dataBytesPerSecond: device.linkBytesPerSecond,
    devicesPerMachine: DEVICES_PER_MACHINE,
    networkBytesPerSecond: NETWORK_BYTES_PER_SECOND,
  };
}

function scoreIterations(rows: readonly Iteration[], about: string, scale: Scale): readonly Scored[] {
  const setting = iterationSetting(about);
  const count = Math.min(ITERATION_ROWS, Math.floor(rows.length / 2));
  const forms = [
    ["smooth", "random", fitSmooth],
    ["smooth", "covering", fitSmooth],
    ["corrected by cell", "random", fitCorrected],
    ["corrected by cell", "covering", fitCorrected],
  ] as const;
  const splits = forms.map(([form, design, fitTo]) => {
    let fitted = 0;
    const predictions = Array.from({ length: DRAWS[scale] }, (_, seed) => {
      const chosen = chooseRows(rows, count, seed + 1, design);
      const model: IterationModel = fitTo(
        rows.filter((_row, index) => chosen.has(index)),
        setting,
      );
      fitted = Math.max(fitted, Object.keys(model.parameters).length);
      return rows.filter((_row, index) => !chosen.has(index)).map((row) => predictIteration(row, setting, model));
    });
    return {
      model: `time, ${form}`,
      fitted,
      fitRows: `${count} ${design}, ${DRAWS[scale]} draws`,
      predictions: predictions.flat(),
    };
  });
  return [...splits, ...extrapolateIterations(rows, setting)];
}

function scoreLayers(times: readonly LayerTime[], about: string): readonly Scored[] {
  const peaks = deviceOf(about);
  const kinds = [...new Set(times.map(({ part, passes }) => `${part} ${passes.join("+")}`))];
  return kinds.flatMap((kind) => {
    const rows = times.filter(({ part, passes }) => `${part} ${passes.join("+")}` === kind);
    const sizes = [...new Set(rows.map(({ tokens }) => tokens))].sort((a, b) => a - b);
    const parameters = ({ arch }: LayerTime): number => arch.hiddenSize * arch.intermediateSize;
    const largest = rows.reduce((a, b) => (parameters(b) > parameters(a) ? b : a)).model;
    const splits = [
      ["every other token count", (row: LayerTime) => sizes.indexOf(row.tokens) % 2 === 0],
      ["all but the largest model", (row: LayerTime) => row.model !== largest],
    ] as const;
    return splits.flatMap(([fitRows, isFitted]) => {
      const known = rows.filter(isFitted);
      if (known.length < LEAST_LAYER_TIMES) return [];
      const fit = fitLayerTimes(known, peaks);
      const predictions = rows.filter((row) => !isFitted(row)).map((row) => layerTimePrediction(row, peaks, fit));
      return [{ model: `time, ${kind}`, fitted: 3, fitRows, predictions }];
    });
  });
}

function scoresOf(observations: Observations, scale: Scale): readonly Scored[] {
  switch (observations.form) {
    case "pipelines":
      return observations.data.plans.length < LEAST_PLANS ? [] : scorePipelines(observations.data);
    case "iterations": {
      const { data, about } = observations;
      return data.length < LEAST_ITERATIONS ? [] : scoreIterations(data, about, scale);
    }
    case "layers":
      return scoreLayers(observations.data, observations.about);
    case "steps":
      return [...scoreTrainingSteps(observations.data.steps), ...scorePeakMemory(observations.data.peaks)];
    case "kernels":
      return scoreKernels(observations.data);
    case "experts":
      return scoreExperts(observations.data);
  }
}

/** What tells two rows of a form apart, so that a row that was fitted is not scored. */
function rowKey(row: object): string {
  return JSON.stringify(row);
}

/**
 * Rows that somebody gives, predicted from the published rows of the same form that are there: no row is on both sides.
 */
function scoresFrom(reference: Observations, given: Observations): readonly Scored[] {
  const fitRows = `the rows of ${reference.file}`;
  const fresh = <Row extends object>(known: readonly Row[], rows: readonly Row[]): readonly Row[] => {
    const keys = new Set(known.map(rowKey));
    return rows.filter((row) => !keys.has(rowKey(row)));
  };
  if (reference.form === "pipelines" && given.form === "pipelines") {
    const { model, plans } = given.data;
    const rows = fresh(reference.data.plans, plans);
    const time = fitPipeline(reference.data.model, reference.data.plans);
    const memory = fitDeviceMemory(reference.data.model.layers, reference.data.plans);
    const times = rows.map((plan) => pipelinePrediction(model, plan, time));
    const peaks = rows.map((plan) => peakPrediction(model.layers, plan, memory));
    return [
      { model: "time, blocking transfers, host and reduction", fitted: 4, fitRows, predictions: times },
      { model: "peak memory", fitted: 3, fitRows, predictions: peaks },
    ];
  }
  if (reference.form === "iterations" && given.form === "iterations") {
    const chosen = chooseRows(reference.data, ITERATION_ROWS, 1, "covering");
    const setting = iterationSetting(reference.about);
    const model = fitCorrected(
      reference.data.filter((_row, index) => chosen.has(index)),
      setting,
    );
    const predictions = fresh(reference.data, given.data).map((row) => predictIteration(row, setting, model));
    const fitted = Object.keys(model.parameters).length;
    return [{ model: "time, corrected by cell", fitted, fitRows: `${chosen.size} of ${fitRows}`, predictions }];
  }
  if (reference.form === "layers" && given.form === "layers") {
    const peaks = deviceOf(given.about);
    const kindOf = ({ part, passes }: LayerTime): string => `${part} ${passes.join("+")}`;
    const rows = fresh(reference.data, given.data);
    return [...new Set(rows.map(kindOf))].map((kind) => {
      const fit = fitLayerTimes(
        reference.data.filter((row) => kindOf(row) === kind),
        deviceOf(reference.about),
      );
      const predictions = rows.filter((row) => kindOf(row) === kind).map((row) => layerTimePrediction(row, peaks, fit));
      return { model: `time, ${kind}`, fitted: 3, fitRows, predictions };
    });
  }
  return [];
}

/** The folder of published measurements beside the project. */
function defaultPlace(): string {
  return path.join(process.env["LORATWIN_SHARED"] ?? packageFile("..", "shared"), "ground-truth");
}

function record(bench: Bench, file: string, scored: Scored): void {
  const { model, fitted, fitRows, predictions, intervals, remark } = scored;
  const score = scoreOf(predictions);
  const worst = predictions.reduce((a, b) => (Math.abs(relativeError(b)) > Math.abs(relativeError(a)) ? b : a));
  bench.note(`${file}, ${model}: worst is ${worst.name}${remark === undefined ? "" : `; ${remark}`}`);
  const parameters = { data: file, model, fitted, "fitted on": fitRows, predicted: score.rows };
  for (const name of ["mean", "median", "p90", "worst"] as const)
    bench.record({ name, parameters, value: score[name], unit: "share", repetitions: 1, spread: null });
  if (intervals === undefined) return;
  for (const [name, value] of [
    ["inside intervals of 90 %", intervals.inside],
    ["half-width of intervals", intervals.halfWidth],
  ] as const)
    bench.record({ name, parameters, value, unit: "share", repetitions: 1, spread: null });
}

export const external: Suite = {
  describe: "predictions against measurements that others published, in a file or folder of known forms",
  cases({ scale, place, note }) {
    const searched = place ?? defaultPlace();
    if (place === undefined && !existsSync(searched)) {
      note("No published measurements beside the project: give a file or folder of them.");
      return [];
    }
    const found = readObservations(searched, (file) => note(`${file}: no known form`));
    const isGiven = path.resolve(searched) !== path.resolve(defaultPlace()) && existsSync(defaultPlace());
    const references = isGiven ? readObservations(defaultPlace(), () => {}) : [];
    return found.map(
      (observations): Case => ({
        name: observations.file,
        input: [observations, ...references].map(({ digest }) => digest.slice(0, 12)).join(),
        seconds: 20,
        run(bench) {
          const scores = [
            ...scoresOf(observations, scale),
            ...references.flatMap((reference) => scoresFrom(reference, observations)),
          ];
          for (const scored of scores.filter(({ predictions }) => predictions.length > 0))
            record(bench, observations.file, scored);
        },
      }),
    );
  },
};
