import { counted } from "../../core/index.ts";
import type { FleetPageJob } from "../fleet-data.ts";
import type { JobSamples, PromptAnswers, StepAnswer } from "../samples-data.ts";
import { element, section } from "./element.ts";
import { jobDot } from "./job-colours.ts";

/** Jobs whose answers are shown at once; those of others unfold. */
const OPEN = 3;

function answerRow(who: string, { text, ended }: Omit<StepAnswer, "step">): HTMLElement {
  const rest = ended
    ? []
    : [element("span", { class: "cut", title: "cut here: the answer was as long as it may be" }, ["…"])];
  const said = text === "" ? [element("span", { class: "detail" }, ["nothing"])] : [text];
  return element("div", { class: "answer" }, [
    element("div", { class: "who" }, [who]),
    element("div", { class: "said" }, [...said, ...rest]),
  ]);
}

function stepRow({ step, ...answer }: StepAnswer): HTMLElement {
  return answerRow(`after step ${step + 1}`, answer);
}

function promptBlock({ prompt, base, answers }: PromptAnswers): HTMLElement {
  const earlier = answers.slice(0, -1).toReversed();
  return element("div", { class: "prompt-block" }, [
    element("div", { class: "prompt" }, [prompt]),
    base === null ? undefined : answerRow("base", base),
    ...answers.slice(-1).map(stepRow),
    earlier.length === 0
      ? undefined
      : element("details", { class: "earlier" }, [
          element("summary", {}, [counted(earlier.length, "earlier answer")]),
          ...earlier.map(stepRow),
        ]),
  ]);
}

function jobBlock({ job, prompts }: JobSamples, { name, colour }: SampledJob, isOpen: boolean): HTMLElement {
  return element("details", { class: "job-samples", "data-key": name, ...(isOpen ? { open: "" } : {}) }, [
    element("summary", {}, [jobDot(colour ?? job), name]),
    ...prompts.map(promptBlock),
  ]);
}

type SampledJob = Pick<FleetPageJob, "name" | "colour">;

/** What was answered to prompts while jobs trained. */
export function samplesSection(samples: readonly JobSamples[], jobs: readonly SampledJob[]): HTMLElement | undefined {
  if (samples.length === 0) return undefined;
  const meaning =
    "The same prompts, answered by the base model and by each adapter as it was after some of its steps: always the most likely token.";
  const blocks = samples.map((each, at) => jobBlock(each, jobs[each.job]!, at < OPEN));
  return section("samples", "Samples", meaning, [element("div", { class: "panel samples" }, blocks)]);
}
