import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";

it("no program is imported by what programs share: it would start with them", () => {
  const chunks = readdirSync(packageFile("dist", "chunks"), { recursive: true, encoding: "utf8" });
  const programs = chunks
    .filter((name) => name.endsWith(".js"))
    .filter((name) =>
      /from "(\.\.\/)+(cli|bench|gpu|peers)\//.test(readFileSync(packageFile("dist", "chunks", name), "utf8")),
    )
    .map((name) => path.basename(name));
  expect(programs).toEqual([]);
});
