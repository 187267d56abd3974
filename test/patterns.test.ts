import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { analyse } from "scslre";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { checkTemplates, fillWith } from "../datasets/rows/templates.ts";

const root = path.dirname(import.meta.dirname);

/** Folders of which no part meets what a user wrote. */
const OTHERS = ["test", "bench", "gpu", "setup", "peers", "examples", "docs", "native", "demo"];

/** Patterns of short texts alone. */
const SHORT: Readonly<Record<string, string>> = { "cli/output.ts": "the digits of a number" };

/** The program's own files, as git knows them. */
function programFiles(): readonly string[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts"], { cwd: root });
  const files = listed.toString().trim().split("\n");
  return files.filter((file) => file.includes("/") && !OTHERS.includes(file.split("/", 1)[0]!));
}

/** The text of an expression as far as it stands in the file: names of other values count as a letter. */
function textOf(node: ts.Expression | undefined): string | undefined {
  if (node === undefined) return "";
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join("x");
}

interface Pattern {
  readonly source: string;
  readonly flags: string;
}

/** All regular expressions that a file writes. */
function patternsOf(file: string): readonly Pattern[] {
  const text = readFileSync(path.join(root, file), "utf8");
  const found: Pattern[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf("/");
      found.push({ source: node.text.slice(1, end), flags: node.text.slice(end + 1) });
    }
    if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === "RegExp") {
      const [source, flags] = [textOf(node.arguments?.[0]), textOf(node.arguments?.[1])];
      if (source !== undefined && flags !== undefined) found.push({ source, flags });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

/** Whether some texts take a pattern more than a time that grows with their length. */
function isSlow(pattern: Pattern): boolean {
  return analyse(pattern, { reportTypes: { Move: true } }).reports.length > 0;
}

describe("regular expressions", () => {
  it.each([String.raw`\{\{\s*([^{}]+?)\s*\}\}`, String.raw`\s+$`, "(a+)+b"])(
    "are found where they are slow: %s",
    (source) => {
      expect(isSlow({ source, flags: "" })).toBe(true);
    },
  );

  it("take a time that grows with the text, and not with its square", { tags: ["slow"] }, () => {
    const slow = programFiles().flatMap((file) =>
      patternsOf(file)
        .filter((pattern) => SHORT[file] === undefined && isSlow(pattern))
        .map(({ source }) => `${file}: ${source}`),
    );
    expect(slow).toEqual([]);
  });

  it("find fields in a template of white space at once", () => {
    const prompt = `{{${" ".repeat(100_000)}`;
    const record = { value: { a: "1" }, place: { file: "rows.jsonl" } };
    const started = performance.now();
    expect(() => checkTemplates({ path: "", prompt, response: "{{a}}" }, record, "data")).toThrow("{{field}}");
    expect(() => checkTemplates({ path: "", prompt: `${prompt}}}`, response: "{{a}}" }, record, "data")).not.toThrow();
    expect(fillWith("{{ a }} {{b}}", (field) => `<${field}>`)).toBe("<a> <b>");
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
