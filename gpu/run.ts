// npm run gpu -- [options]; see command.ts
import { runGpuCommand } from "./command.ts";

process.exitCode = await runGpuCommand(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  isTty: process.stderr.isTTY === true,
  cwd: process.cwd(),
});
