import { element } from "../../reports/client/index.ts";
import { isComparison } from "../comparison.ts";
import type { Preset } from "../presets.ts";
import { numDevices, numJobs, type Scene, type SceneJobs, type SceneMachine } from "../scene.ts";
import { type Fields, JOBS_FIELDS, MACHINE_FIELDS, MOST, SCENE_FIELDS, type SceneChoices } from "../scene-fields.ts";
import { calibrationInput } from "./calibration-input.ts";
import { fieldInput } from "./field-input.ts";

export interface Controls {
  readonly node: HTMLElement;
  /** Shows another scene. */
  show(scene: Scene): void;
  /** What is wrong with the first input that has an impossible value. */
  problem(): WrongValue | undefined;
}

const NAMES: Readonly<Record<string, string>> = {
  "": "as the GPU has",
  unit: "abstract device",
  auto: "planner's choice",
  unfused: "one an adapter",
  none: "no limit",
  fifo: "first come, first served",
  sjf: "shortest first",
  fair: "fair to users",
  twin: "as the twin foresees",
  packed: "sharing micro-batches",
  tp: "tensor parallel (simulated only)",
  fsdp: "FSDP (simulated only)",
  ddp: "DDP (simulated only)",
  interleaved: "interleaved 1F1B (simulated only)",
  "zb-h1": "ZB-H1 (simulated only)",
};

/** By field and value, where the value alone does not say it. */
const OWN_NAMES: Readonly<Record<string, string>> = {
  "recompute layer": "all layers",
  "recompute none": "none",
  "policy none": "all from the start",
  "calibration catalog": "the catalog",
  "calibration paper": "the paper's evaluation",
  "calibration own": "a file of one's own",
};

/** Fields that mean something under a policy alone, and without one alone. */
const OVER_TIME: readonly string[] = ["arrivalSeconds", "apartSeconds", "priority", "user", "deadlineSeconds"];
const PLANNED: readonly string[] = ["groups", "maxInFlight"];
/** All that a schedule which is simulated only leaves to choose. */
const COMPARED: readonly string[] = ["policy", "schedule"];
/** Schedules that jobs can join and leave. */
const JOINABLE: readonly string[] = ["auto", "lorapp", "lorapp-gpipe"];

type Listed = "machines" | "jobs";

function button(text: string, name: string, act: () => void): HTMLButtonElement {
  const made = element("button", { type: "button", "aria-label": name, title: name }, [text]);
  made.addEventListener("click", act);
  return made;
}

/** A value that no scene can have. */
export interface WrongValue {
  readonly expected: string;
  readonly at: string;
  readonly got: string;
}

/** What a person does with the controls. */
export interface ControlEvents {
  /** Another scene. */
  change(scene: Scene): void;
  /** The text of another calibration file, before the scene that has it. */
  calibrate(text: string): void;
  /** An impossible value, instead of another scene. */
  refuse(problem: WrongValue): void;
}

/** Inputs for all that a scene has. */
export function createControls(choices: SceneChoices, presets: readonly Preset[], events: ControlEvents): Controls {
  const body = element("div", { class: "controls-body" });
  let scene = presets[0]!.scene;

  let how = element("fieldset");

  const change = (asked: Scene): void => {
    const isJoinable = asked.policy === "none" || JOINABLE.includes(asked.schedule);
    const next: Scene = isJoinable ? asked : { ...asked, schedule: "auto" };
    const isOtherKind = (next.policy === "none") !== (scene.policy === "none");
    const isOtherOrder = isComparison(next.schedule) !== isComparison(scene.schedule);
    const isOther = numDevices(next) !== numDevices(scene) || numJobs(next) !== numJobs(scene);
    scene = next;
    // Its lists are as long as there are devices and adapters.
    if (isOtherKind) {
      draw();
      document.getElementById("scene-policy")?.focus();
    } else if (isOtherOrder) {
      drawHow();
      document.getElementById("scene-schedule")?.focus();
    } else if (isOther && how.isConnected) drawHow();
    events.change(scene);
  };

  function inputs<Subject>(
    prefix: string,
    subject: Subject,
    fields: Fields<Subject>,
    keys: readonly (keyof Subject & string)[],
    set: (changed: Subject) => void,
    latest: () => Subject,
  ): readonly HTMLElement[] {
    const limits: Readonly<Record<string, number>> = {
      pipelines: numDevices(scene),
      groups: numJobs(scene),
      jobsAtOnce: numJobs(scene),
    };
    return keys.map((key) =>
      fieldInput({
        id: `${prefix}${key}`,
        field: fields[key],
        value: subject[key],
        choices: scene.policy === "none" ? choices : { ...choices, schedules: JOINABLE },
        most: limits[key],
        nameOf: (value) => OWN_NAMES[`${key} ${value}`] ?? NAMES[value] ?? `${value}`,
        onChange: (value) => set({ ...latest(), [key]: value }),
        onProblem: () => events.refuse(problem()!),
      }),
    );
  }

  function problem(): WrongValue | undefined {
    const input = body.querySelector<HTMLInputElement>('[aria-invalid="true"]');
    const expected = input?.dataset["expected"];
    if (input === null || expected === undefined) return undefined;
    return { expected, at: input.labels?.[0]?.textContent ?? input.id, got: input.value };
  }

  function settings(keys: readonly (keyof typeof SCENE_FIELDS)[]): readonly HTMLElement[] {
    return inputs("scene-", scene, SCENE_FIELDS as Fields<Scene>, keys, change, () => scene);
  }

  /** Adds or removes one of a list, and puts the focus where a person goes on. */
  function relist(key: Listed, items: readonly (SceneMachine | SceneJobs)[], focusId: string): void {
    change({ ...scene, [key]: items });
    draw();
    document.getElementById(focusId)?.focus();
  }

  function row<Subject extends SceneMachine | SceneJobs>(
    list: Listed,
    title: string,
    index: number,
    fields: Fields<Subject>,
  ): HTMLElement {
    const all = (): readonly Subject[] => scene[list] as unknown as readonly Subject[];
    const isOverTime = scene.policy !== "none";
    const keys = (Object.keys(fields) as (keyof Subject & string)[]).filter(
      (key) => isOverTime || !OVER_TIME.includes(key),
    );
    const set = (changed: Subject): void =>
      change({ ...scene, [list]: all().map((each, other) => (other === index ? changed : each)) });
    const remove = button("Remove", `Remove ${title}`, () =>
      relist(
        list,
        all().filter((_, other) => other !== index),
        `add-${list}`,
      ),
    );
    return element("fieldset", { class: "row" }, [
      element("legend", {}, [title]),
      ...inputs(`${list}-${index}-`, all()[index]!, fields, keys, set, () => all()[index]!),
      all().length > 1 ? remove : undefined,
    ]);
  }

  function adder(
    list: Listed,
    text: string,
    most: number,
    next: () => SceneMachine | SceneJobs,
  ): HTMLElement | undefined {
    if (scene[list].length >= most) return undefined;
    const made = button(text, text, () =>
      relist(list, [...scene[list], next()], `${list}-${scene[list].length}-${list === "jobs" ? "name" : "type"}`),
    );
    made.id = `add-${list}`;
    return made;
  }

  /** A name that no other kind of adapters has. */
  function freeName(): string {
    const taken = new Set(scene.jobs.map(({ name }) => name));
    let number = 2;
    while (taken.has(`job${number}`)) number += 1;
    return `job${number}`;
  }

  function group(title: string, children: readonly (HTMLElement | undefined)[]): HTMLFieldSetElement {
    return element("fieldset", { class: "group" }, [element("legend", {}, [title]), ...children]);
  }

  function presetInput(): HTMLElement {
    const select = element("select", { id: "preset" }, [
      element("option", { value: "" }, ["Choose a scene"]),
      ...presets.map(({ name }, index) => element("option", { value: `${index}` }, [name])),
    ]);
    select.addEventListener("input", () => {
      const preset = presets[Number(select.value)];
      if (select.value === "" || preset === undefined) return;
      change(preset.scene);
      draw();
      document.getElementById("preset")?.focus();
    });
    return element("div", { class: "field field-wide" }, [element("label", { for: "preset" }, ["Start from"]), select]);
  }

  function drawHow(): void {
    const all = ["policy", "schedule", "pipelines", "groups", "maxInFlight", "jobsAtOnce", "layersPerStage"] as const;
    const keys = all.filter((key) => {
      if (scene.policy !== "none") return !PLANNED.includes(key);
      return !isComparison(scene.schedule) || COMPARED.includes(key);
    });
    const made = group("How", settings(keys));
    how.replaceWith(made);
    how = made;
  }

  function draw(): void {
    drawHow();
    const { machines, jobs } = scene;
    body.replaceChildren(
      presetInput(),
      group("Model", settings(["model", "dtype", "recompute"])),
      group("GPUs", [
        ...machines.map((_, index) => row<SceneMachine>("machines", `Machine ${index + 1}`, index, MACHINE_FIELDS)),
        ...(machines.length > 1 ? settings(["networkGigabits", "networkMicroseconds", "network"]) : []),
        ...settings(["transfers", "messages"]),
        adder("machines", "Add a machine", MOST.machines, () => machines.at(-1)!),
      ]),
      group("Adapters", [
        ...jobs.map((_, index) => row<SceneJobs>("jobs", `Kind ${index + 1}`, index, JOBS_FIELDS)),
        element("p", { class: "note" }, [
          "Micro-batch 0 leaves the size to the planner; spread 0 makes all rows alike.",
          ...(scene.policy === "none" ? [] : [" A deadline counts from when an adapter comes; 0 is none."]),
        ]),
        adder("jobs", "Add a kind of adapters", MOST.kinds, () => ({ ...jobs.at(-1)!, copies: 1, name: freeName() })),
      ]),
      how,
      group("Times", [...settings(["calibration"]), file]),
      group("Cost", settings(["pricePerHour"])),
    );
  }

  const file = calibrationInput((text) => {
    events.calibrate(text);
    change({ ...scene, calibration: "own" });
    const choice = document.getElementById("scene-calibration");
    if (choice !== null) (choice as HTMLSelectElement).value = "own";
  });
  draw();
  const form = element("form", { class: "controls panel", "aria-label": "Scene" }, [body]);
  form.addEventListener("submit", (event) => event.preventDefault());
  return {
    node: form,
    problem,
    show(next) {
      scene = next;
      draw();
    },
  };
}
