// Which base model and adapters a folder has.
export {
  type AdapterChoice,
  type AnswerSource,
  BASE,
  chosenAdapters,
  findAnswerSource,
  formOf,
  openBase,
} from "./answer-source.ts";
// Prompts answered.
export { type Answer, Answerer, type AnswererOptions, type AnswerRequest, deviceOf } from "./answerer.ts";
// What an answer has to be.
export type { AnswerForm } from "./constraint/constraint.ts";
// Adapters judged on rows.
export { type Judgement, type JudgeOptions, judgeAdapters, type Range } from "./judge.ts";
// Answers while a run trains.
export { type AnsweringModel, LiveAnswers, type LiveAnswersInput } from "./live-answers.ts";
export { type QuestionRow, type Questions, type RowForm, readQuestions, rowWay } from "./question-rows.ts";
