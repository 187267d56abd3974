// The page of a live fleet: asks its server how things are, and again whenever something happened.
import { contentsOf, element, scaleChartsOnPaper } from "../../reports/client/index.ts";
import { type Ask, asker, type FleetState, listen, readState, TokenNeeded } from "./api.ts";
import { colourOf } from "./colours.ts";
import { decisionsSection } from "./decisions-section.ts";
import { createGanttSection } from "./gantt-section.ts";
import { header } from "./header.ts";
import { createJobsSection } from "./jobs-section.ts";
import { drawnPart } from "./live-part.ts";
import { answersSection } from "./samples-section.ts";
import { askForToken, knownToken } from "./token.ts";

/**
 * However much happens, the page is drawn no more often than this, and is busy for no more than this share of the time:
 * many jobs take long to answer. After this long it is drawn even if nothing happens.
 */
const DRAW_EVERY_MS = 1000;
const BUSY_SHARE = 0.1;
const DRAW_LATEST_MS = 5000;
/** Until a server that does not answer is asked again. */
const AGAIN_MS = 2000;

const root = document.getElementById("report")!;

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

let connection = "";
const sections = [
  createJobsSection(),
  createGanttSection(),
  ...[answersSection, decisionsSection].map((draw) => drawnPart(draw, element("section"))),
];
const above = drawnPart(
  (state) => header(state, connection, contentsOf(sections.map(({ node }) => node))),
  element("header"),
);

function draw(state: FleetState, said: string): void {
  connection = said;
  // Jobs have their colours in the order in which they came.
  for (const { name } of state.jobs) colourOf(name);
  for (const part of [...sections, above]) part.update(state);
  if (!above.node.isConnected)
    root.replaceChildren(
      above.node,
      element(
        "main",
        {},
        sections.map(({ node }) => node),
      ),
    );
}

/** Draws as long as the server answers. */
async function follow(ask: Ask): Promise<void> {
  let state = await readState(ask);
  draw(state, "live");
  const end = new AbortController();
  let due = false;
  const listening = listen(ask, end.signal, () => {
    due = true;
  }).finally(() => end.abort());
  const drawing = (async (): Promise<void> => {
    let restMs = DRAW_EVERY_MS;
    for (let waited = 0; !end.signal.aborted; waited += restMs) {
      await sleep(restMs);
      if (end.signal.aborted || (!due && waited < DRAW_LATEST_MS)) continue;
      [due, waited] = [false, 0];
      const began = performance.now();
      state = await readState(ask);
      draw(state, "live");
      restMs = Math.max(DRAW_EVERY_MS, (performance.now() - began) / BUSY_SHARE);
    }
  })().finally(() => end.abort());
  try {
    await Promise.all([listening, drawing]);
  } finally {
    draw(state, "The server does not answer: this is how things were.");
  }
}

async function main(): Promise<void> {
  for (;;) {
    try {
      await follow(asker(knownToken()));
    } catch (error) {
      if (error instanceof TokenNeeded) await askForToken(root);
      else if (root.querySelector("main") === null) root.textContent = "The server does not answer.";
    }
    await sleep(AGAIN_MS);
  }
}

scaleChartsOnPaper();
void main();
