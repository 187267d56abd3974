import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";

const root = path.join(import.meta.dirname, "../..");

/** A YAML file of `.github`, in which no key stands twice and nothing is doubtful. */
function read(file: string): unknown {
  const document = parseDocument(readFileSync(path.join(root, ".github", file), "utf8"), { strict: true });
  expect([...document.errors, ...document.warnings].map(({ message }) => message)).toEqual([]);
  return document.toJS();
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(path.join(root, ".github", folder)).map((name) => `${folder}/${name}`);
}

interface Job {
  readonly "runs-on": string;
  readonly "timeout-minutes": number;
  readonly needs?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
}

interface Workflow {
  readonly name: string;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const workflows = filesOf("workflows").map((file) => [file, read(file) as Workflow] as const);

describe.each(workflows)("%s", (_, { permissions, jobs }) => {
  it("reads the repository and no more, where a job does not ask for it", () => {
    expect(permissions).toEqual({ contents: "read" });
    for (const job of Object.values(jobs)) expect(job["timeout-minutes"]).toBeGreaterThan(0);
    for (const { needs } of Object.values(jobs)) if (needs !== undefined) expect(Object.keys(jobs)).toContain(needs);
  });

  it("takes actions of a version, and steps that do one thing", () => {
    for (const { steps } of Object.values(jobs))
      for (const { uses, run } of steps) {
        expect([uses, run].filter((each) => each !== undefined)).toHaveLength(1);
        if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@(v\d+|release\/v\d+|[0-9a-f]{40})$/);
        // What a stranger may write, such as a branch's name, is no part of a script.
        if (run !== undefined) expect(run).not.toContain("${{");
      }
  });

  it("runs scripts that are there", () => {
    const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const lines = Object.values(jobs).flatMap(({ steps }) => steps.map(({ run }) => run ?? ""));
    for (const line of lines) {
      for (const [, name] of line.matchAll(/npm run ([\w:]+)/g)) expect(Object.keys(scripts)).toContain(name);
      // Made by hand where packages are built for others.
      for (const [file] of line.matchAll(/(?:setup|\.ci)\/[\w.-]+/g))
        if (file !== "setup/build-packages.mjs") expect(existsSync(path.join(root, file)), file).toBe(true);
    }
  });
});

describe.each(filesOf("ISSUE_TEMPLATE").filter((file) => !file.endsWith("/config.yml")))("%s", (file) => {
  it("is a form with a name, and fields of different names", () => {
    const form = read(file) as {
      readonly name: string;
      readonly description: string;
      readonly body: readonly { readonly type: string; readonly id?: string; readonly attributes: object }[];
    };
    expect(form.name.length * form.description.length).toBeGreaterThan(0);
    const fields = form.body.filter(({ type }) => type !== "markdown");
    expect(new Set(fields.map(({ id }) => id)).size).toBe(fields.length);
    for (const { attributes } of fields) expect(attributes).toHaveProperty("label");
  });
});

it("the release publishes nothing but what the build made, with a proof of where it was made", () => {
  const { jobs } = read("workflows/release.yml") as Workflow;
  for (const name of ["assets", "npm", "pypi"]) expect(jobs[name]!.needs).toBe("build");
  for (const name of ["npm", "pypi"]) expect(jobs[name]!.permissions).toMatchObject({ "id-token": "write" });
  expect(jobs["npm"]!.steps.map(({ run }) => run).join("\n")).toContain("--provenance");
});
