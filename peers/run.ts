// npm run peers -- [options]; see command.ts
import { runPeersCommand } from "./command.ts";

process.exitCode = await runPeersCommand(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  isTty: process.stderr.isTTY === true,
  cwd: process.cwd(),
});
