// Who may import whom. Everything below is made from the three tables; change a row only together with its reason.

/** Folder -> the folders it may import, always through their index.ts. */
const arrows = {
  // Words that everyone shares: units, errors, random numbers. It depends on nothing, so that all may depend on it.
  core: [],

  // The documents and the planner. Pure: the plan has to come out the same in a browser, a test and on a GPU machine.
  plan: ["core"],

  // Device code behind one typed door. It knows tensors and operators, and neither plans nor training.
  native: ["core"],

  // Files and folders as a disk that may be full, and a process that may be killed, leave them.
  files: ["core"],

  // Rows of text to rows of tokens. A plan counts tokens, but only the command line brings the two together.
  datasets: ["core", "files"],

  // What happened, simulated or executed. Events carry the plan's action keys, hence the arrow to plan.
  traces: ["core", "plan"],

  // What to measure, and from measurements to costs and their errors. Pure: who measures hands the samples in.
  calibration: ["core", "plan", "traces"],

  // The twin in virtual time. It must not see exec, or the comparison of the two would prove nothing. How sure a
  // prediction is follows from the errors of its calibration.
  sim: ["core", "plan", "traces", "calibration"],

  // Draws what traces and plans hold, and computes no new results.
  reports: ["core", "plan", "traces"],

  // The twin in real time. It must not see sim, for the same reason.
  exec: ["core", "plan", "traces", "files", "datasets", "native"],

  // Many simulations at once, and no execution: a study has to run on a laptop.
  studies: ["core", "plan", "traces", "sim", "calibration"],

  // Which machines to have for jobs that are forecast: simulations of many candidates, with what they cost.
  capacity: ["core", "plan", "sim", "studies"],

  // Files to requests, and what is asked of them: load, plan, predict, calibrate, compare revisions. Twin and executor
  // meet here. Devices are reached through exec, so that native has one user.
  workbench: ["core", "plan", "traces", "sim", "calibration", "files", "datasets", "exec", "studies", "capacity"],

  // Training: what is run, the folder that tells of it, checkpoints, and going on from them.
  runs: ["core", "plan", "traces", "sim", "files", "datasets", "exec", "workbench"],

  // Prompts answered by a model and its adapters, and adapters judged on rows, whoever asks: a person, or a server.
  inference: ["core", "plan", "files", "datasets", "exec", "workbench", "runs"],

  // A live fleet for other processes: its interface, HTTP around it, the clients of that, a page. What trains is
  // handed in.
  server: ["core", "plan", "files", "datasets", "exec", "reports", "workbench", "runs", "inference"],

  // A page in which a person changes a scene and planner and simulator follow. It runs in a browser, so that nothing of
  // Node may be behind it.
  explorer: ["core", "plan", "traces", "calibration", "sim", "studies", "reports"],

  // The rim for other programs: what the command line does, as functions. Its types stand on the pure folders alone.
  library: ["core", "plan", "traces", "files", "datasets", "exec", "workbench", "runs", "inference"],

  // The rim: flags to requests, results to text.
  cli: [
    "core",
    "plan",
    "traces",
    "sim",
    "calibration",
    "files",
    "datasets",
    "exec",
    "studies",
    "capacity",
    "reports",
    "workbench",
    "runs",
    "inference",
    "server",
    "explorer",
  ],
};

/** Folder in plan/ -> the folders there that it may import. Each looks only at what stands above it. */
const layers = {
  // Schemas: what a person or a file says.
  documents: [],
  // Known devices; a cluster of them.
  catalog: ["documents"],
  cluster: ["documents"],
  // What is done, what it waits for, and in which pieces.
  actions: ["documents"],
  // Times of a GPU's kernels, then of actions, then bytes of devices.
  kernels: ["documents"],
  costs: ["documents", "actions", "kernels"],
  memory: ["documents", "actions", "kernels", "costs"],
  // Who comes after whom on a device; which rows share a micro-batch.
  schedules: ["documents", "actions", "memory"],
  packing: ["documents"],
  // Whether a plan can be carried out, and its hash.
  validate: ["documents", "actions", "memory"],
  // A whole plan at once, or one that grows.
  planner: ["documents", "actions", "costs", "memory", "schedules", "validate"],
  growth: ["documents", "actions", "costs", "memory", "schedules"],
  // Jobs over time: who trains next, who stops, who of a sweep goes on.
  scheduler: ["documents", "actions", "costs", "memory", "packing", "validate", "planner", "growth"],
  "early-stopping": ["documents"],
  halving: ["documents", "scheduler"],
  // Which of the jobs that are evaluated on the same rows is the best.
  ranking: ["documents"],
  // Which point of a search is tried next.
  search: ["documents"],
};

/** Package -> the folders that may import it. A package with one home can be replaced in one place. */
const homes = {
  // The shape of every document is stated once, where its type is.
  zod: ["plan", "traces", "server", "library"],

  // Routes, bodies and their limits.
  fastify: ["server"],
  // What monitoring reads, in Prometheus' form.
  "prom-client": ["server"],

  // Arguments are parsed, and progress drawn, at the rim only.
  yargs: ["cli"],
  "cli-progress": ["cli"],
  // Lines of text with colours, folded.
  "wrap-ansi": ["cli"],

  // Pictures.
  d3: ["reports"],

  // Headers for C++; TypeScript needs only their place.
  "node-addon-api": ["native"],

  // The queue of events of any tasks.
  fastpriorityqueue: ["sim"],

  // The integer programs of packings, solved in threads, or in the workers of a page.
  highs: ["workbench", "explorer"],

  // Tokenizers, chat templates, downloads, and the file forms that training data comes in.
  "@huggingface": ["datasets"],
  "csv-parse": ["datasets"],
  hyparquet: ["datasets"],
  "@uwdata/flechette": ["datasets"],
  zstddec: ["datasets"],
  // Patterns of JSON schemas, which are followed byte by byte.
  "@eslint-community/regexpp": ["inference"],
};

const folders = Object.keys(arrows);
const anyOf = (names) => `^(${names.join("|")})/`;
const ofPackage = (name) => `(^|node_modules/)(@types/)?${name}(/|$)`;

const arrowRules = folders.map((folder) => ({
  name: `arrows-of-${folder}`,
  comment: `${folder} may import only: ${arrows[folder].join(", ") || "nothing"} (see the table of arrows).`,
  severity: "error",
  from: { path: `^${folder}/` },
  to: {
    path: anyOf([...folders, "test", "bench", "gpu", "peers", "setup", "examples"]),
    pathNot: anyOf([folder, ...arrows[folder]]),
  },
}));

const layerRules = Object.entries(layers).map(([layer, below]) => ({
  name: `layers-of-plan-${layer}`,
  comment: `plan/${layer} may import only: ${below.join(", ") || "nothing"} (see the table of layers).`,
  severity: "error",
  from: { path: `^plan/${layer}/` },
  to: { path: "^plan/", pathNot: `^plan/(${[layer, ...below].join("|")})/` },
}));

const homeRules = Object.entries(homes).map(([name, owners]) => ({
  name: `home-of-${name.replace("@", "")}`,
  comment: `${name} may be imported only in: ${owners.join(", ")} (see the table of homes).`,
  severity: "error",
  from: { path: anyOf(folders), pathNot: anyOf(owners) },
  to: { path: ofPackage(name) },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...arrowRules,
    ...layerRules,
    ...homeRules,
    {
      name: "through-the-index",
      comment:
        "A folder is entered only through its index.ts (reports for browser code through client/index.ts); inside one's own folder files are imported directly.",
      severity: "error",
      from: { path: `^(${folders.join("|")})/` },
      to: { path: anyOf(folders), pathNot: ["^$1/", "^[^/]+/index\\.ts$", "^reports/client/index\\.ts$"] },
    },
    {
      name: "no-way-back-through-the-index",
      comment: "A file does not import its own folder's index.ts, which would make a cycle sooner or later.",
      severity: "error",
      from: { path: `^(${folders.join("|")})/` },
      to: { path: "^$1/index\\.ts$" },
    },
    {
      name: "pure-core",
      comment:
        "core, plan, traces, calibration, sim, studies, capacity, explorer and the browser code get time, randomness and files as arguments.",
      severity: "error",
      from: { path: "^(core|plan|traces|calibration|sim|studies|capacity|explorer|reports/client|server/client)/" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "setup-stands-alone",
      comment: "setup/ runs before anything is built, so it may use nothing of the product.",
      severity: "error",
      from: { path: "^setup/" },
      to: { path: anyOf(folders) },
    },
    {
      name: "nobody-imports-bench",
      comment: "bench/ may use everything, deep files too; only its tests and gpu/ use it.",
      severity: "error",
      from: { pathNot: "^(bench|gpu|test)/" },
      to: { path: "^bench/" },
    },
    {
      name: "nobody-imports-gpu",
      comment: "gpu/ may use everything, deep files too; only its tests use it.",
      severity: "error",
      from: { pathNot: "^(gpu|test)/" },
      to: { path: "^gpu/" },
    },
    {
      name: "nobody-imports-peers",
      comment: "peers/ may use everything, deep files too; only its tests and bench/, which takes its Python, use it.",
      severity: "error",
      from: { pathNot: "^(peers|bench|test)/" },
      to: { path: "^peers/" },
    },
    {
      name: "no-cycles",
      comment: "Two files that need each other are one file, or have a third inside them that wants out.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "everything-resolves",
      comment: "An import that finds no file is a typing mistake or a package that package.json does not name.",
      severity: "error",
      from: { path: anyOf([...folders, "bench", "gpu", "peers", "setup"]) },
      to: { couldNotResolve: true, pathNot: "\\.node$" },
    },
    {
      name: "packages-are-named",
      comment: "What is imported is named in package.json, and the product needs no development package.",
      severity: "error",
      from: { path: anyOf(folders) },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["type-only"] },
    },
  ],
  options: {
    // Imports of types alone are arrows as well: a type that crosses a folder binds the two all the same.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|docs|coverage|demo|run|tutorial|native/build[^/]*)/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".mjs", ".cjs", ".js", ".json", ".d.ts"],
    },
  },
};
