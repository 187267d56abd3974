// The page: inputs on one side, and what planner and simulator say of them on the other.

import { InputError } from "../../core/index.ts";
import { element, scaleChartsOnPaper } from "../../reports/client/index.ts";
import { checkScene } from "../check-scene.ts";
import type { ExplorerPageData } from "../page-data.ts";
import type { Reply } from "../reply-message.ts";
import type { Scene } from "../scene.ts";
import { sceneHash, sceneOfHash } from "../scene-hash.ts";
import { Asker } from "./asker.ts";
import { createControls } from "./controls.ts";
import { createResults } from "./results.ts";
import { sheetButton } from "./sheet-button.ts";

const data: ExplorerPageData = JSON.parse(document.getElementById("report-data")!.textContent);
const { choices, presets, paperCalibration, version, date } = data;
const results = createResults((ways) => asker.askWays(ways));
const asker = new Asker(data, take);

let scene = presets[0].scene;
/** Text of the calibration file that a person chose, where one was. */
let ownCalibration: string | undefined;
/** Of the last question; when its scene was changed, in milliseconds of the page. */
let asked = { id: 0, at: 0 };

function take(reply: Reply): void {
  results.show({ scene, calibration: calibrationOf(scene) }, reply);
  if (reply.kind !== "first") return;
  const { id, at } = asked;
  // A frame's callback comes before it is painted, and what that puts off comes after.
  requestAnimationFrame(() => {
    setTimeout(() => performance.measure("first answer", { start: at, end: performance.now(), detail: id }));
  });
}

/** The calibration file of a scene, where it has one. */
function calibrationOf({ calibration }: Scene): string | undefined {
  switch (calibration) {
    case "catalog":
      return undefined;
    case "paper":
      return paperCalibration;
    case "own":
      return ownCalibration;
  }
}

/** @throws InputError for a scene with a file that nobody chose since the page was opened */
function requireFile({ calibration }: Scene): void {
  if (calibration !== "own" || ownCalibration !== undefined) return;
  throw new InputError({
    expected: "a calibration file",
    at: "Times",
    got: "none",
    hint: "An address has no files: choose it there, or take the catalog's times.",
  });
}

/** An input of a person: where, and when in milliseconds of the page. */
interface Entered {
  readonly field: string;
  readonly at: number;
}

const NOTHING_ENTERED: Entered = { field: "", at: Number.NEGATIVE_INFINITY };
/** The last one that put a scene into the address. */
let remembered = NOTHING_ENTERED;
/** Milliseconds between two changes of a field that are one entry of the browser's history: a person types. */
const SAME_ENTRY_MS = 1500;

/** Puts a scene into the address; the browser's way back leads to the one before. */
function remember(hash: string, entered: Entered): void {
  if (location.hash === `#${hash}`) return;
  const { field, at } = entered;
  const goesOn = field !== "" && field === remembered.field && at - remembered.at < SAME_ENTRY_MS;
  if (goesOn || location.hash === "") history.replaceState(null, "", `#${hash}`);
  else history.pushState(null, "", `#${hash}`);
  remembered = entered;
}

/** `entered`: what it follows upon. */
function change(next: Scene, entered: Entered): void {
  scene = next;
  try {
    checkScene(scene, choices);
    remember(sceneHash(scene), entered);
    requireFile(scene);
    const wrong = controls.problem();
    if (wrong !== undefined) throw new InputError(wrong);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    asker.drop();
    results.refuse(error.message);
    return;
  }
  asked = { id: asker.ask(scene, calibrationOf(scene)), at: entered.at };
}

/** What a change of the scene is from. */
let entered = NOTHING_ENTERED;
const controls = createControls(choices, presets, {
  change: (next) => change(next, entered),
  calibrate: (text) => {
    ownCalibration = text;
  },
  refuse: (problem) => {
    asker.drop();
    results.refuse(new InputError(problem).message);
  },
});

for (const kind of ["input", "click"])
  controls.node.addEventListener(
    kind,
    ({ timeStamp, target }) => {
      entered = { field: (target as HTMLElement).id, at: timeStamp };
    },
    { capture: true },
  );

/** The scene of the address; without one, or with a broken one, the first preset. */
function fromAddress(): void {
  const hash = location.hash.slice(1);
  let fault = "";
  let next = presets[0].scene;
  try {
    if (hash !== "") next = sceneOfHash(hash, choices);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    fault = `${error.message} The first scene is shown instead.`;
  }
  controls.show(next);
  results.warn(fault);
  if (fault !== "") history.replaceState(null, "", location.pathname);
  change(next, { field: "", at: performance.now() });
}

const sheet = sheetButton(controls.node);

document
  .getElementById("report")!
  .replaceChildren(
    element("header", {}, [
      element("p", { class: "eyebrow" }, ["loratwin explore"]),
      element("h1", {}, ["Many adapters, one model: what would it take?"]),
      element("p", { class: "meaning" }, [
        "Change the GPUs, the adapters or the order of the work; the planner and the simulator of loratwin run in this page and answer as the command line does. Nothing is sent anywhere.",
      ]),
    ]),
    element("div", { class: "explorer" }, [controls.node, element("main", {}, [results.node]), sheet]),
    element("footer", { class: "note" }, [`loratwin ${version}, ${date}`]),
  );
fromAddress();
window.addEventListener("hashchange", fromAddress);
scaleChartsOnPaper();
