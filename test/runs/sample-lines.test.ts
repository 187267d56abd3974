import { expect, it } from "vitest";
import { AnswerTexts, linesOfSample } from "../../runs/folder/sample-lines.ts";
import { printed, temporaryFolder } from "../cli/run-cli.ts";

const folder = temporaryFolder();

it("answers are told as texts, with the space that they begin with; one without a token as none", async () => {
  await printed(["init-model", "model", "--hidden-size", "16", "--layers", "1", "--heads", "2"], folder);
  const texts = new AnswerTexts(`${folder}/model`);
  const tokens = Array.from(Buffer.from(" é 7"), (byte) => byte);
  const answer = { prompt: "Who?", isByBase: false, hasEnded: true };
  const lines = linesOfSample(
    {
      job: "a",
      step: 3,
      answers: [
        { ...answer, tokens },
        { ...answer, tokens: [] },
      ],
    },
    texts,
  );
  expect(lines.map(({ text, tokens: count, by }) => [text, count, by])).toEqual([
    [" é 7", 5, "adapter"],
    ["", 0, "adapter"],
  ]);
});
