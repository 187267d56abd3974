import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { initModel, loadTokenizer, TokenTexts } from "../../datasets/index.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-texts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
initModel({ folder, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
const tokenizer = loadTokenizer(folder);
const texts = new TokenTexts(tokenizer);

function piecesOf(text: string, labels?: readonly number[]) {
  const ids = tokenizer.encode(text);
  return texts.pieces(ids, labels ?? ids, 0, ids.length);
}

describe("the texts of tokens", () => {
  it.each(["Hello  world .\n\n it 's", " lead", "é 日本語 🙂", "a\u0000b\u200b", "⟦x⟧"])(
    "put together are the text: %j",
    (text) => {
      expect(
        piecesOf(text)
          .map((piece) => piece.text)
          .join(""),
      ).toBe(text);
    },
  );

  it("are of several tokens where a character is", () => {
    expect(piecesOf("aé").map(({ ids, text }) => [ids.length, text])).toEqual([
      [1, "a"],
      [2, "é"],
    ]);
  });

  it("know special tokens, and that the first token is never trained", () => {
    const [first, second] = piecesOf("<s>a");
    expect([first!.text, first!.isSpecial, first!.isScored]).toEqual(["<s>", true, false]);
    expect([second!.isSpecial, second!.isScored]).toEqual([false, true]);
  });

  it("do not join tokens of which only one is trained", () => {
    expect(piecesOf("aé", [1, -100, 5]).map(({ text }) => text)).toEqual(["a", "\ufffd", "\ufffd"]);
  });

  it("are none without a tokenizer", () => {
    expect(new TokenTexts(undefined).pieces([7], [7], 0, 1)).toEqual([
      { ids: [7], text: undefined, isScored: false, isSpecial: false },
    ]);
  });
});
