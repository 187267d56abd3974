import { InputError } from "../core/index.ts";
import { checkScene } from "./check-scene.ts";
import type { Scene, SceneJobs, SceneMachine } from "./scene.ts";
import { type Fields, JOBS_FIELDS, MACHINE_FIELDS, SCENE_FIELDS, type SceneChoices } from "./scene-fields.ts";

/** In front of every address that has a scene; another form of scenes gets another number. */
const VERSION = "3";
/** The longest scene has some thousand characters. */
const LONGEST = 8192;

function valuesOf<Subject>(subject: Subject, fields: Fields<Subject>): readonly unknown[] {
  return Object.keys(fields).map((key) => subject[key as keyof Subject]);
}

function toBase64Url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/={1,2}$/, "");
}

function fromBase64Url(text: string): string {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(binary, (each) => each.charCodeAt(0)));
}

/** The scene as what stands behind `#` in the page's address: the version, and values in the order of the fields. */
export function sceneHash({ machines, jobs, ...settings }: Scene): string {
  const values = [
    valuesOf(settings, SCENE_FIELDS),
    machines.map((machine) => valuesOf(machine, MACHINE_FIELDS)),
    jobs.map((kind) => valuesOf(kind, JOBS_FIELDS)),
  ];
  return `${VERSION}.${toBase64Url(JSON.stringify(values))}`;
}

function broken(got: string): InputError {
  return new InputError({ expected: "a scene in the page's address", got: got.slice(0, 40) });
}

function subjectOf<Subject>(values: unknown, fields: Fields<Subject>, hash: string): Subject {
  const keys = Object.keys(fields);
  if (!Array.isArray(values) || values.length !== keys.length) throw broken(hash);
  return Object.fromEntries(keys.map((key, index) => [key, values[index]])) as Subject;
}

function listOf<Subject>(values: unknown, fields: Fields<Subject>, hash: string): readonly Subject[] {
  if (!Array.isArray(values)) throw broken(hash);
  return values.map((each) => subjectOf(each, fields, hash));
}

/** The scene of an address, without its `#`. @throws InputError for anything that `sceneHash` does not make */
export function sceneOfHash(hash: string, choices: SceneChoices): Scene {
  const [version, text, ...rest] = hash.split(".");
  if (version !== VERSION)
    throw new InputError({
      expected: `a scene of version ${VERSION} in the page's address`,
      got: version?.slice(0, 40),
    });
  if (text === undefined || rest.length > 0 || hash.length > LONGEST) throw broken(hash);
  let values: unknown;
  try {
    values = JSON.parse(fromBase64Url(text));
  } catch {
    throw broken(hash);
  }
  if (!Array.isArray(values) || values.length !== 3) throw broken(hash);
  const scene: Scene = {
    ...subjectOf(values[0], SCENE_FIELDS, hash),
    machines: listOf<SceneMachine>(values[1], MACHINE_FIELDS, hash),
    jobs: listOf<SceneJobs>(values[2], JOBS_FIELDS, hash),
  };
  checkScene(scene, choices);
  return scene;
}
