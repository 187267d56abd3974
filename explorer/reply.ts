import { InputError, PlanError } from "../core/index.ts";
import { answerFleet, firstFleet } from "./answer-fleet.ts";
import { sceneReport, sceneRequest, simulateRequest } from "./answer-scene.ts";
import { firstEstimate } from "./first-estimate.ts";
import type { Question, Reply } from "./messages.ts";
import { type ScenePolicy, withOneMore } from "./scene.ts";

function fleetReply({ id, kind, scene, numPipelines }: Question, policy: Exclude<ScenePolicy, "none">): Reply {
  switch (kind) {
    case "first":
      return { id, kind, fleet: firstFleet(scene, policy, numPipelines) };
    case "whole":
      return { id, kind, fleet: answerFleet(scene, policy) };
    case "one more":
      return { id, kind, fleet: answerFleet(withOneMore(scene), policy) };
  }
}

function planReply({ id, kind, scene, way, correction }: Question): Reply {
  switch (kind) {
    case "first": {
      const { simulated, run } = firstEstimate(scene, way, correction);
      return { id, kind, answer: simulated.answer, run, report: sceneReport(simulated) };
    }
    case "whole": {
      const simulated = simulateRequest(sceneRequest(scene));
      return { id, kind, answer: simulated.answer, report: sceneReport(simulated) };
    }
    case "one more":
      return { id, kind, answer: simulateRequest(sceneRequest(withOneMore(scene))).answer };
  }
}

/** The answer to a question, or what a person did wrong and what does not fit, in words. */
export function replyTo(question: Question): Reply {
  try {
    const { policy } = question.scene;
    return policy === "none" ? planReply(question) : fleetReply(question, policy);
  } catch (error) {
    if (!(error instanceof InputError || error instanceof PlanError)) throw error;
    const { id, kind } = question;
    return { id, kind, error: error.message };
  }
}
