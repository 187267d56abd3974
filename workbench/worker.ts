// The main file of a worker thread: answers each message with the result of its task.
import { parentPort, workerData } from "node:worker_threads";
import { runTask, type TaskInput, type WorkerTask } from "./worker-tasks.ts";

const { task, shared } = workerData as { readonly task: WorkerTask; readonly shared: object };
parentPort!.on("message", (part: object) => {
  const input = { ...shared, ...part } as TaskInput<WorkerTask>;
  // What is thrown ends the thread, whose owner hears of it.
  void runTask(task, input).then((result) => parentPort!.postMessage(result));
});
