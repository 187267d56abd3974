// Writes a comment on a pull or merge request, or edits the one that it wrote before: node post-comment.mjs FILE.
//
// On GitHub it takes GITHUB_REPOSITORY, PULL_REQUEST and GH_TOKEN, on GitLab CI_PROJECT_ID, CI_MERGE_REQUEST_IID and
// LORATWIN_TOKEN, a project access token with the scope `api`, since the token of a job may not write comments. Its own
// comment is the one with the marker in the file's first line. Where the token may only read, as that of a fork, it says
// so and ends well: the file is an artifact in any case.
import { readFileSync } from "node:fs";

const body = readFileSync(process.argv[2], "utf8");
const [marker] = body.split("\n");
const env = process.env;

/** How a forge is asked: where comments are, and what a new text is sent as. */
function forge() {
  if (env.GITHUB_REPOSITORY !== undefined) {
    const api = `${env.GITHUB_API_URL ?? "https://api.github.com"}/repos/${env.GITHUB_REPOSITORY}/issues`;
    return {
      list: `${api}/${env.PULL_REQUEST}/comments`,
      one: (id) => `${api}/comments/${id}`,
      edit: "PATCH",
      headers: { authorization: `Bearer ${env.GH_TOKEN}`, accept: "application/vnd.github+json" },
    };
  }
  const list = `${env.CI_API_V4_URL}/projects/${env.CI_PROJECT_ID}/merge_requests/${env.CI_MERGE_REQUEST_IID}/notes`;
  return { list, one: (id) => `${list}/${id}`, edit: "PUT", headers: { "private-token": env.LORATWIN_TOKEN ?? "" } };
}

const { list, one, edit, headers } = forge();

async function ask(url, method, text) {
  const answer = await fetch(url, {
    method,
    headers: { ...headers, "content-type": "application/json" },
    ...(text === undefined ? {} : { body: JSON.stringify({ body: text }) }),
  });
  if ([401, 403, 404].includes(answer.status)) {
    console.log(`no comment: the token may not do that (${method} ${url}: ${answer.status}); see the artifact`);
    process.exit(0);
  }
  if (!answer.ok) throw new Error(`Expected an answer from ${url}, got ${answer.status} ${await answer.text()}`);
  return await answer.json();
}

/** Our comment of an earlier push, on whichever page it is. */
async function ownComment() {
  for (let page = 1; ; page += 1) {
    const comments = await ask(`${list}?per_page=100&page=${page}`, "GET");
    const own = comments.find((comment) => comment.body.startsWith(marker));
    if (own !== undefined || comments.length < 100) return own;
  }
}

const own = await ownComment();
await (own === undefined ? ask(list, "POST", body) : ask(one(own.id), edit, body));
console.log(own === undefined ? "comment written" : "comment edited");
