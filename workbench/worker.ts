// The main file of a worker thread: answers each message with the result of its task.
import { constants, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { runTask, type TaskInput, type WorkerTask } from "./worker-tasks.ts";

interface Given {
  readonly task: WorkerTask;
  readonly shared: object;
  readonly isPatient: boolean;
}

const { task, shared, isPatient } = workerData as Given;
// Of this thread alone: a tenth of a core where others want it, too.
if (isPatient) setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
parentPort!.on("message", (part: object) => {
  const input = { ...shared, ...part } as TaskInput<WorkerTask>;
  // What is thrown ends the thread, whose owner hears of it.
  void runTask(task, input).then((result) => parentPort!.postMessage(result));
});
