import { defineConfig } from "vitepress";

const page = (text: string, link: string) => ({ text, link });

/** The pages of docs/ as a site with search, which asks nobody else for anything: `npm run docs`. */
export default defineConfig({
  title: "loratwin",
  description: "Many LoRA adapters fine-tuned at once over one base model, with a digital twin",
  // GitHub shows README.md of a folder, a site index.html.
  rewrites: { "README.md": "index.md" },
  // Files of the repository that are no pages of the site.
  ignoreDeadLinks: [/^(\.\.\/)+(?!how-to|concepts|reference|internals)/, /decisions\/index$/, /schemas\/index$/],
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [page("Tutorial", "/tutorial"), page("Reference", "/reference/documents"), page("Glossary", "/concepts/glossary")],
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
