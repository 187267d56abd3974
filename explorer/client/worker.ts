// A worker of the page: answers one question after another.
import "./interpreted-schemas.ts";
import highsModule from "highs";
import { type SolvePackings, solvedPacking } from "../../plan/index.ts";
import type { Question } from "../question.ts";
import { replyTo } from "../reply.ts";

/** A question, with what it takes to answer it. */
export interface Asked {
  readonly question: Question;
  /** HiGHS as WebAssembly, compressed by gzip, where rows may have to be packed. */
  readonly solver: Blob | undefined;
}

/**
 * The module is an ES module, whose types say that it is none; and it takes no bytes, as they say, but leaves it to
 * others to make an instance.
 */
const loadHighs = highsModule as unknown as (options: {
  instantiateWasm(imports: WebAssembly.Imports, made: (instance: WebAssembly.Instance) => void): void;
}) => ReturnType<typeof highsModule.default>;

let highs: ReturnType<typeof loadHighs> | undefined;

async function loadSolver(solver: Blob): ReturnType<typeof loadHighs> {
  const bytes = new Response(solver.stream().pipeThrough(new DecompressionStream("gzip")));
  const module = await WebAssembly.compile(await bytes.arrayBuffer());
  return await loadHighs({
    instantiateWasm(imports, made) {
      WebAssembly.instantiate(module, imports).then(made);
    },
  });
}

function solveWith(solver: Blob | undefined): SolvePackings {
  return async (problems) => {
    if (solver === undefined) throw new Error("A question whose rows have to be packed came without a solver.");
    highs ??= loadSolver(solver);
    const loaded = await highs;
    return problems.map((problem) => solvedPacking(problem, loaded));
  };
}

addEventListener("message", ({ data: { question, solver } }: MessageEvent<Asked>) => {
  replyTo(question, solveWith(solver)).then(postMessage, (error: unknown) => {
    // The page hears of what is thrown outside of a promise.
    setTimeout(() => {
      throw error;
    });
  });
});
