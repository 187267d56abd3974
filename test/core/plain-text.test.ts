import { expect, it } from "vitest";
import { plainLine, plainText, textTable } from "../../core/index.ts";

it("what nobody would see of a text is escaped as JSON has it, and the rest stays", () => {
  expect(plainText("a\u001b[2J b\u009bc\u007f \u202ed\u2066\u200f\u061c\u2028\r\n\tü 你 😀 \u202f")).toBe(
    "a\\u001b[2J b\\u009bc\\u007f \\u202ed\\u2066\\u200f\\u061c\\u2028\\u000d\n\tü 你 😀 \u202f",
  );
  expect(plainLine("a\nb\tc")).toBe("a\\u000ab\\u0009c");
});

it("a JSON text means the same when it is shown", () => {
  const value = { "\u202e": "\u0085\\\u007f\u2067\u0000" };
  expect(JSON.parse(plainText(JSON.stringify(value)))).toEqual(value);
});

it("columns stay side by side whatever their cells hold", () => {
  expect(
    textTable([
      ["a\u001b", "1"],
      ["bcd\n", "22"],
    ]),
  ).toEqual(["a\\u001b     1", "bcd\\u000a  22"]);
});
