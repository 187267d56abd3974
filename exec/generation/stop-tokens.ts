import { loadTokenizer, stopTokensOf } from "../../datasets/index.ts";
import type { Setting } from "../../plan/index.ts";
import type { BaseModel } from "../model-folder.ts";

/** Tokens that end answers, where the setting has room for some; none of a model without a folder. */
export function stopTokensIn({ pipelines }: Pick<Setting, "pipelines">, { folder }: BaseModel): ReadonlySet<number> {
  if (folder === undefined || pipelines.every(({ room }) => room.sample === undefined)) return new Set();
  return stopTokensOf(folder, loadTokenizer(folder));
}
