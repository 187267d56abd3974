import { existsSync } from "node:fs";
import { type QuestionForm, questionForm, readRecords, type TextTokenizer } from "../../datasets/index.ts";
import type { FileData } from "../../plan/index.ts";

/**
 * What an adapter that is trained on such rows wants its prompts in: what the first of them is in, if they are there, else
 * what the data say of themselves. Without data: the model's chat template, if it has one.
 */
export async function promptFormOf(
  data: FileData | undefined,
  dataFile: string | undefined,
  { hasChatTemplate }: Pick<TextTokenizer, "hasChatTemplate">,
): Promise<QuestionForm> {
  if (data === undefined) return { kind: hasChatTemplate ? "chat" : "raw" };
  const { path: _, ...source } = data;
  if (source.format === "chat") return { kind: "chat", chatTemplate: source.chatTemplate };
  if (dataFile !== undefined && existsSync(dataFile))
    for await (const first of readRecords(dataFile, { ...source, path: dataFile }, "data"))
      return questionForm(source, first);
  const { prompt, chatTemplate } = source;
  if (prompt !== undefined) return { kind: "template", template: prompt };
  return chatTemplate === undefined ? { kind: "raw" } : { kind: "chat", chatTemplate };
}
