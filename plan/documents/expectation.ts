import type { z } from "zod";

type Issue = z.core.$ZodIssue;

const TYPE_WORDS: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "a text",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a mapping",
  record: "a mapping",
};

/** What a schema expected, in words. */
export function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return TYPE_WORDS[issue.expected] ?? `a value of type ${issue.expected}`;
    case "invalid_value":
      return issue.values.length === 1
        ? JSON.stringify(issue.values[0])
        : `one of ${issue.values.map((value) => String(value)).join(", ")}`;
    case "too_small": {
      // That of every whole number is no bound that a key has.
      if (issue.minimum === Number.MIN_SAFE_INTEGER) return TYPE_WORDS["int"]!;
      const bound = `${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
      if (issue.origin === "array") return `a list of ${bound}`;
      return issue.origin === "string" ? `a text of ${bound} character` : `a number of ${bound}`;
    }
    case "too_big": {
      const bound = `${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}`;
      return issue.origin === "array"
        ? `a list of ${bound}`
        : issue.origin === "string"
          ? `a text of ${bound} characters`
          : `a number of ${bound}`;
    }
    case "invalid_union":
      return "options" in issue && issue.options !== undefined ? `one of ${issue.options.join(", ")}` : issue.message;
    case "invalid_format":
    case "custom":
      return issue.message;
    case "unrecognized_keys":
      return "only known keys";
    default:
      return issue.message;
  }
}
