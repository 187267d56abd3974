import { InputError } from "../core/index.ts";
import { numDevices, numJobs, type Scene, type SceneJobs, type SceneMachine } from "./scene.ts";
import {
  type Field,
  type Fields,
  JOBS_FIELDS,
  MACHINE_FIELDS,
  MOST,
  SCENE_FIELDS,
  type SceneChoices,
  type SceneSettings,
} from "./scene-fields.ts";

/** As names of jobs are in a workload, with room for the number of a copy. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,59}$/;

const LIST = /^([1-9]\d{0,3}(,[1-9]\d{0,3}){0,31})?$/;

/** What is wrong with a value, as "Expected ..." has it; undefined where nothing is. */
export function fieldProblem(field: Field, value: unknown, choices: SceneChoices): string | undefined {
  switch (field.kind) {
    case "number": {
      const { least, most, step, words = [] } = field;
      if (typeof value === "string" && words.includes(value)) return undefined;
      const isOne = typeof value === "number" && value >= least && value <= most;
      if (isOne && (step !== 1 || Number.isInteger(value))) return undefined;
      const what = step === 1 ? "a whole number" : "a number";
      return `${[...words, `${what} from ${least} to ${most}`].join(", ")}`;
    }
    case "choice": {
      const allowed = field.from === undefined ? (field.words ?? []) : choices[field.from];
      return typeof value === "string" && allowed.includes(value) ? undefined : `one of ${allowed.join(", ")}`;
    }
    case "flag":
      return typeof value === "boolean" ? undefined : "true or false";
    case "list":
      return typeof value === "string" && LIST.test(value)
        ? undefined
        : "whole numbers of at least 1 with commas between them, such as 8,8,8,8, or nothing";
    case "name":
      return typeof value === "string" && (NAME.test(value) || (value === "" && field.isOptional === true))
        ? undefined
        : "at most 60 letters, digits, dots, dashes and underscores";
  }
}

function checkFields<Subject>(subject: Subject, fields: Fields<Subject>, place: string, choices: SceneChoices): void {
  for (const [key, field] of Object.entries(fields) as [keyof Subject & string, Field][]) {
    const problem = fieldProblem(field, subject[key], choices);
    if (problem !== undefined)
      throw new InputError({ expected: problem, at: `${place}${field.label}`, got: subject[key] });
  }
}

function checkCount(what: string, count: number, most: number): void {
  if (count > 0 && count <= most) return;
  throw new InputError({
    expected: `1 to ${most} ${what} on this page`,
    got: count,
    hint: "The command line takes more: export the files and change them.",
  });
}

/** @throws InputError with the label of the first field that is wrong, or for more than a page answers at once */
export function checkScene(scene: Scene, choices: SceneChoices): void {
  checkCount("machines", scene.machines.length, MOST.machines);
  checkCount("kinds of adapters", scene.jobs.length, MOST.kinds);
  const { machines, jobs, ...settings } = scene;
  checkFields<SceneSettings>(settings, SCENE_FIELDS, "", choices);
  machines.forEach((machine, index) => {
    checkFields<SceneMachine>(machine, MACHINE_FIELDS, `machine ${index + 1}: `, choices);
  });
  jobs.forEach((kind) => {
    checkFields<SceneJobs>(kind, JOBS_FIELDS, `${kind.name}: `, choices);
  });
  checkCount("GPUs", numDevices(scene), MOST.devices);
  checkCount("adapters", numJobs(scene), MOST.jobs);
  checkCount(
    "rows in all steps",
    jobs.reduce((sum, { copies, steps, batchSize }) => sum + copies * steps * batchSize, 0),
    MOST.rows,
  );
}
