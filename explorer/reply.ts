import { InputError, PlanError } from "../core/index.ts";
import type { PolicyName, SolvePackings } from "../plan/index.ts";
import type { ComparisonSchedule } from "../studies/index.ts";
import { answerComparison, firstComparison } from "./answer-comparison.ts";
import { answerFleet } from "./answer-fleet.ts";
import { sceneReport, sceneRequest, simulateRequest } from "./answer-scene.ts";
import { isComparison } from "./comparison.ts";
import { estimateInWay, firstEstimate } from "./first-estimate.ts";
import { firstFleet } from "./first-fleet.ts";
import type { Question } from "./question.ts";
import type { Reply } from "./reply-message.ts";
import { withOneMore } from "./scene.ts";

async function fleetReply(question: Question, policy: PolicyName, solve: SolvePackings): Promise<Reply> {
  const { id, kind, scene, calibration } = question;
  switch (kind) {
    case "first":
    case "another way":
      return { id, kind, fleet: firstFleet(scene, policy, question) };
    case "whole":
      return { id, kind, fleet: await answerFleet(scene, policy, calibration, solve) };
    case "one more":
      return { id, kind, fleet: await answerFleet(withOneMore(scene), policy, calibration, solve) };
  }
}

function comparisonReply(question: Question, schedule: ComparisonSchedule): Reply {
  const { id, kind, scene, calibration } = question;
  switch (kind) {
    case "first":
    case "another way":
      return { id, kind, ...firstComparison(scene, schedule, question) };
    case "whole":
      return { id, kind, ...answerComparison(scene, schedule, calibration) };
    case "one more":
      return { id, kind, answer: answerComparison(withOneMore(scene), schedule, calibration).answer };
  }
}

function planReply(question: Question): Reply {
  const { id, kind, scene, calibration } = question;
  switch (kind) {
    case "first":
    case "another way": {
      const { way } = question;
      const isAnother = kind === "another way" && way !== undefined;
      const { simulated, run } = isAnother ? estimateInWay(scene, way, question) : firstEstimate(scene, question);
      return { id, kind, answer: simulated.answer, run, report: sceneReport(simulated) };
    }
    case "whole": {
      const simulated = simulateRequest(sceneRequest(scene, calibration));
      return { id, kind, answer: simulated.answer, report: sceneReport(simulated) };
    }
    case "one more":
      return { id, kind, answer: simulateRequest(sceneRequest(withOneMore(scene), calibration)).answer };
  }
}

/** The answer to a question, or what a person did wrong and what does not fit, in words. */
export async function replyTo(question: Question, solve: SolvePackings): Promise<Reply> {
  try {
    const { policy, schedule } = question.scene;
    if (policy !== "none") return await fleetReply(question, policy, solve);
    return isComparison(schedule) ? comparisonReply(question, schedule) : planReply(question);
  } catch (error) {
    if (!(error instanceof InputError || error instanceof PlanError)) throw error;
    const { id, kind } = question;
    return { id, kind, error: error.message };
  }
}
