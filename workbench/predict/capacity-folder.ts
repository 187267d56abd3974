import { appendFileSync } from "node:fs";
import path from "node:path";
import type { CapacityQuestion, SeenDraw, SeenDraws } from "../../capacity/index.ts";
import { canonicalJson, contentHash } from "../../core/index.ts";
import {
  absolute,
  checkFolder,
  makeFolder,
  type Place,
  refuseLinkedMembers,
  VERSION,
  wholeLinesOf,
  writeOutput,
} from "../../files/index.ts";

/** The files of the folder of an answer. */
export const CAPACITY_FILES = {
  answer: "answer.json",
  /** A line a candidate that was simulated. */
  candidates: "candidates.csv",
  page: "answer.html",
  /** What a recommendation is tried and run with. */
  run: "run",
  /** The same for machines apart, a folder for each base model's kinds. */
  apart: "apart",
  /** What was simulated, for a search that goes on. */
  simulated: "simulated.jsonl",
} as const;

/** Of what is kept of a draw. */
const FORMAT = 2;

/** What draws follow from; not what is made of them. */
function simulationsHash({ forecast, catalog, prices, drawing, slower = 1, release }: CapacityQuestion): string {
  return contentHash({
    format: FORMAT,
    version: VERSION,
    forecast,
    catalog,
    prices,
    drawing,
    slower,
    release: release ?? null,
  });
}

/** The folder of an answer. A search that was cut off leaves what it has simulated there, and goes on from that. */
export class CapacityFolder {
  readonly #place: Place;
  readonly #given: string;
  readonly #simulated: string;
  readonly seen: SeenDraws = new Map();

  /** @throws InputError where it cannot be made */
  constructor(place: Place, given: string, question: CapacityQuestion) {
    checkFolder(place, given);
    makeFolder(place, given);
    const folder = absolute(place, given);
    refuseLinkedMembers(folder, Object.values(CAPACITY_FILES));
    this.#place = place;
    this.#given = given;
    this.#simulated = path.join(folder, CAPACITY_FILES.simulated);
    const head = canonicalJson({ of: simulationsHash(question) });
    const [first, ...lines] = wholeLinesOf(this.#simulated);
    if (first === head)
      for (const line of lines) {
        const { name, ...draw } = JSON.parse(line) as SeenDraw & { readonly name: string };
        this.seen.set(name, draw);
      }
    // One of another question, and a line that was torn, are of no use.
    const known = [...this.seen].map(([name, draw]) => canonicalJson({ name, ...draw }));
    this.write(CAPACITY_FILES.simulated, `${[head, ...known].join("\n")}\n`);
  }

  /** What was simulated is there if the search is cut off. */
  keep(draws: readonly (readonly [string, SeenDraw])[]): void {
    appendFileSync(this.#simulated, draws.map(([name, draw]) => `${canonicalJson({ name, ...draw })}\n`).join(""));
  }

  /** A file of the folder, whole. @throws InputError, or DeviceError of a full disk */
  write(name: string, content: string): void {
    writeOutput(this.#place, path.join(this.#given, name), content);
  }
}
