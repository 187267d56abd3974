import { InputError, PlanError } from "../core/index.ts";
import type { PolicyName, SolvePackings } from "../plan/index.ts";
import type { ComparisonSchedule } from "../studies/index.ts";
import { answerComparison, firstComparison } from "./answer-comparison.ts";
import { answerFleet } from "./answer-fleet.ts";
import { planReport, sceneRequest, simulateRequest } from "./answer-scene.ts";
import { answerWays, wholeScene } from "./answer-ways.ts";
import { isComparison } from "./comparison.ts";
import { firstEstimate, nearerEstimate } from "./first-estimate.ts";
import { firstFleet } from "./first-fleet.ts";
import type { Question, QuestionKind } from "./question.ts";
import type { Reply } from "./reply-message.ts";
import { withOneMore } from "./scene.ts";

/** A question after figures. */
type FiguresQuestion = Omit<Question, "kind"> & { readonly kind: Exclude<QuestionKind, "two ways"> };

async function fleetReply(question: FiguresQuestion, policy: PolicyName, solve: SolvePackings): Promise<Reply> {
  const { id, kind, scene, calibration } = question;
  switch (kind) {
    case "first":
    case "nearer":
      return { id, kind, fleet: firstFleet(scene, policy, question) };
    case "whole":
      return { id, kind, fleet: await answerFleet(scene, policy, calibration, solve) };
    case "one more":
      return { id, kind, fleet: await answerFleet(withOneMore(scene), policy, calibration, solve) };
  }
}

function comparisonReply(question: FiguresQuestion, schedule: ComparisonSchedule): Reply {
  const { id, kind, scene, calibration } = question;
  switch (kind) {
    case "first":
    case "nearer":
      return { id, kind, ...firstComparison(scene, schedule, question) };
    case "whole": {
      const { answer, report } = answerComparison(scene, schedule, calibration);
      return { id, kind, answer, report };
    }
    case "one more":
      return { id, kind, answer: answerComparison(withOneMore(scene), schedule, calibration).answer };
  }
}

function planReply(question: FiguresQuestion): Reply {
  const { id, kind, scene, calibration } = question;
  switch (kind) {
    case "first":
    case "nearer": {
      const estimate = kind === "first" ? firstEstimate : nearerEstimate;
      const { simulated, run } = estimate(scene, question);
      return { id, kind, answer: simulated.answer, run, report: planReport(simulated) };
    }
    case "whole": {
      const { simulated, shown } = wholeScene(scene, calibration);
      return { id, kind, answer: simulated.answer, report: shown.report };
    }
    case "one more":
      return { id, kind, answer: simulateRequest(sceneRequest(withOneMore(scene), calibration)).answer };
  }
}

/** The answer to a question, or what a person did wrong and what does not fit, in words. */
export async function replyTo(question: Question, solve: SolvePackings): Promise<Reply> {
  const { id, kind, scene, calibration, ways } = question;
  try {
    if (kind === "two ways") return { id, kind, ways: answerWays(scene, ways!, calibration) };
    const { policy, schedule } = scene;
    const asked = { ...question, kind };
    if (policy !== "none") return await fleetReply(asked, policy, solve);
    return isComparison(schedule) ? comparisonReply(asked, schedule) : planReply(asked);
  } catch (error) {
    if (!(error instanceof InputError || error instanceof PlanError)) throw error;
    return { id, kind, error: error.message };
  }
}
