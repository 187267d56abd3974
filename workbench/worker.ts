// The main file of a worker thread: answers each message with the result of its task.
import { parentPort, workerData } from "node:worker_threads";
import { runTask, type TaskInput, type WorkerTask } from "./worker-tasks.ts";

const { task, shared } = workerData as { readonly task: WorkerTask; readonly shared: object };
parentPort!.on("message", ({ index, part }: { readonly index: number; readonly part: object }) => {
  const input = { ...shared, ...part } as TaskInput<WorkerTask>;
  parentPort!.postMessage({ index, result: runTask(task, input) });
});
