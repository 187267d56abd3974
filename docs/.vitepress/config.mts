import { posix } from "node:path";
import { defineConfig } from "vitepress";

const page = (text: string, link: string) => ({ text, link });

interface Token {
  type: string;
  tag: string;
  attrs: [string, string][] | null;
  children: Token[] | null;
  attrGet(name: string): string | null;
}

/** Whether a link of a page leads to a file of the repository that is no page. */
function isOutside(page: string, href: string): boolean {
  if (/^([a-z]+:|#|\/)/.test(href)) return false;
  const to = posix.normalize(posix.join(posix.dirname(page), href.split("#")[0]!));
  return to.startsWith("..") || /^(decisions|schemas)(\/?$|\/README\.md|.*\.json$)/.test(to);
}

/** Shows the names of such files as text. */
function withoutOutside(page: string, tokens: readonly Token[]): void {
  let isOpen = false;
  for (const token of tokens) {
    if (token.type === "link_open" && isOutside(page, token.attrGet("href") ?? "")) isOpen = true;
    else if (token.type !== "link_close" || !isOpen) continue;
    token.tag = "span";
    token.attrs = null;
    if (token.type === "link_close") isOpen = false;
  }
}

/** The pages of docs/ as a site with search, which asks nobody else for anything: `npm run docs`. */
export default defineConfig({
  title: "loratwin",
  description: "Many LoRA adapters fine-tuned at once over one base model, with a digital twin",
  // GitHub shows README.md of a folder, a site index.html.
  rewrites: { "README.md": "index.md" },
  markdown: {
    config(md) {
      md.core.ruler.push("outside", ({ tokens, env }) => {
        for (const { children } of tokens) withoutOutside(env.relativePath, (children ?? []) as Token[]);
      });
    },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      page("Tutorial", "/tutorial"),
      page("Reference", "/reference/documents"),
      page("Glossary", "/concepts/glossary"),
    ],
    sidebar: [
      { items: [page("Contents", "/"), page("Installation", "/install"), page("Tutorial", "/tutorial")] },
      {
        text: "How to",
        items: [
          page("Choose GPUs", "/how-to/capacity"),
          page("Check a scheduler change", "/how-to/regression-checks"),
          page("Train jobs as they come", "/how-to/jobs-over-time"),
        ],
      },
      {
        text: "Concepts",
        items: [
          page("The digital twin", "/concepts/twin"),
          page("Schedules", "/concepts/schedules"),
          page("Glossary", "/concepts/glossary"),
        ],
      },
      {
        text: "Reference",
        items: [
          page("Documents", "/reference/documents"),
          page("Training", "/reference/training"),
          page("Preferences", "/reference/preferences"),
          page("Generate and evaluate", "/reference/generation"),
          page("Export", "/reference/export"),
          page("Answers", "/reference/answers"),
          page("Loggers", "/reference/loggers"),
          page("Several machines", "/reference/machines"),
          page("Library", "/reference/library"),
          page("Explore page", "/reference/explore"),
          page("Cluster traces", "/reference/cluster-traces"),
          page("GPUs", "/reference/gpus"),
          page("Accuracy", "/reference/accuracy"),
          page("Results", "/reference/results"),
          page("Limits", "/reference/limits"),
        ],
      },
      {
        text: "Internals",
        items: [
          page("Map of the code", "/internals/map"),
          page("Planner", "/internals/planner"),
          page("Scheduler", "/internals/scheduler"),
          page("Simulator", "/internals/simulator"),
          page("Executor", "/internals/executor"),
          page("Kernels", "/internals/kernels"),
          page("Reliability", "/internals/reliability"),
          page("Measuring", "/internals/method"),
          page("Peers", "/internals/peers"),
        ],
      },
    ],
  },
});
