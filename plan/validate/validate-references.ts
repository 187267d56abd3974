import { contentHash, ownValue, PlanError } from "../../core/index.ts";
import { isLengthData } from "../actions/job-rows.ts";
import type { Plan } from "../documents/plan.ts";

/** The calibration is the one that its hash names. */
function checkCalibration({ calibration, calibrationHash }: Plan): void {
  const hash = contentHash(calibration);
  if (hash !== calibrationHash)
    throw new PlanError({ expected: `${hash}, the hash of calibration,`, at: "calibrationHash", got: calibrationHash });
}

/** Devices that train have memory of a known size; rows of a file, and the model of a folder, are known by their content. */
function checkContents({ jobs, model, devices, locations }: Plan): void {
  jobs.forEach(({ data, dataDigest }, index) => {
    if (isLengthData(data) !== (dataDigest === null))
      throw new PlanError({
        expected: isLengthData(data) ? "no digest of lengths alone" : "the digest of the rows",
        at: `jobs[${index}].dataDigest`,
        got: dataDigest,
      });
  });
  if ((model.digest === null) !== (locations.model === null))
    throw new PlanError({
      expected: locations.model === null ? "no digest of an architecture alone" : "the digest of the model's folder",
      at: "model.digest",
      got: model.digest,
    });
  const open = devices.findIndex(({ kind, memoryBytes }) => kind !== "abstract" && memoryBytes === null);
  if (open >= 0)
    throw new PlanError({ expected: "how much the device has", at: `devices[${open}].memoryBytes`, got: null });
}

/** Each job with a file or a start has a place for it, and nobody else. */
function checkPlaces({ jobs, locations }: Plan): void {
  const needs = {
    data: new Set(jobs.flatMap(({ name, data }) => (isLengthData(data) ? [] : [name]))),
    init: new Set(jobs.flatMap(({ name, adapter: { init } }) => (init === undefined ? [] : [name]))),
    evaluation: new Set(
      jobs.flatMap(({ name, evaluation }) =>
        evaluation?.data === undefined || isLengthData(evaluation.data) ? [] : [name],
      ),
    ),
  };
  for (const key of ["data", "init", "evaluation"] as const) {
    const places = locations[key] ?? {};
    for (const name of needs[key])
      if (ownValue(places, name) === undefined)
        throw new PlanError({ expected: `a path for job ${name}`, at: `locations.${key}`, got: Object.keys(places) });
    const other = Object.keys(places).find((name) => !needs[key].has(name));
    if (other !== undefined)
      throw new PlanError({ expected: `paths of jobs that have one`, at: `locations.${key}`, got: other });
  }
}

/** An adapter that a job starts from is known by its content. */
function checkStarts({ jobs }: Plan): void {
  jobs.forEach(({ name, adapter, initDigest }, index) => {
    if ((adapter.init === undefined) !== (initDigest === undefined))
      throw new PlanError({
        expected: adapter.init === undefined ? "no digest of a start" : `the digest of what job ${name} starts from`,
        at: `jobs[${index}].initDigest`,
        got: initDigest,
        hint: "Make the plan again with `loratwin plan`.",
      });
  });
}

/**
 * What a plan says of things outside of its work: the costs that it was made with, and where its inputs lie.
 * @throws PlanError for what does not agree
 */
export function checkReferences(plan: Plan): void {
  checkCalibration(plan);
  checkContents(plan);
  checkPlaces(plan);
  checkStarts(plan);
}
