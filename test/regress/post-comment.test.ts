import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { packageFile } from "../../files/index.ts";

interface Comment {
  readonly id: number;
  body: string;
}

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-comment-"));
const close: (() => void)[] = [];

afterEach(() => {
  for (const each of close.splice(0)) each();
});

/** A forge with comments, of which 100 are told a page. `mayWrite`: whether its token does. */
async function forge(comments: Comment[], mayWrite = true): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (piece) => {
      text += piece;
    });
    request.on("end", () => {
      const url = new URL(request.url!, "http://forge");
      asked.push(`${request.method} ${url.pathname}`);
      const answer = (status: number, value: unknown): void => {
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
      };
      if (request.method === "GET") {
        const page = Number(url.searchParams.get("page"));
        answer(200, comments.slice(100 * (page - 1), 100 * page));
      } else if (mayWrite) {
        const { body } = JSON.parse(text) as { body: string };
        const id = Number(url.pathname.split("/").at(-1));
        const own = comments.find((comment) => comment.id === id);
        if (request.method === "POST") comments.push({ id: comments.length + 1, body });
        else own!.body = body;
        answer(200, {});
      } else answer(403, { message: "Resource not accessible by integration" });
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  close.push(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function post(text: string, env: Record<string, string>): Promise<string> {
  const file = path.join(folder, "regress.md");
  writeFileSync(file, text);
  const script = packageFile("examples", "ci", "post-comment.mjs");
  const { PATH = "" } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, [script, file], { env: { PATH, ...env } });
  return stdout.trim();
}

const onGithub = (url: string) => ({
  GITHUB_API_URL: url,
  GITHUB_REPOSITORY: "a/b",
  PULL_REQUEST: "7",
  GH_TOKEN: "t",
});
const MARKER = "<!-- loratwin regress -->";

describe("the comment of a pull request", () => {
  test("is written once, and edited from then on, behind however many others", async () => {
    const comments = Array.from({ length: 130 }, (_, index) => ({ id: index + 1, body: "said by somebody" }));
    const { url } = await forge(comments);
    expect(await post(`${MARKER}\none`, onGithub(url))).toBe("comment written");
    expect(await post(`${MARKER}\ntwo`, onGithub(url))).toBe("comment edited");
    expect(comments).toHaveLength(131);
    expect(comments.at(-1)!.body).toBe(`${MARKER}\ntwo`);
  });

  test("is left out where the token only reads, and the job does not fail for it", async () => {
    const comments: Comment[] = [];
    const { url } = await forge(comments, false);
    expect(await post(`${MARKER}\none`, onGithub(url))).toMatch(
      /^no comment: the token may not do that .*see the artifact$/,
    );
    expect(comments).toEqual([]);
  });

  test("is a note on GitLab", async () => {
    const comments: Comment[] = [{ id: 1, body: `${MARKER}\nold` }];
    const { url, asked } = await forge(comments);
    const env = { CI_API_V4_URL: url, CI_PROJECT_ID: "3", CI_MERGE_REQUEST_IID: "4", LORATWIN_TOKEN: "t" };
    expect(await post(`${MARKER}\nnew`, env)).toBe("comment edited");
    expect(asked.at(-1)).toBe("PUT /projects/3/merge_requests/4/notes/1");
    rmSync(folder, { recursive: true });
  });
});
