// Runs the WebAssembly build of MicroPython: node interpreted.mjs HOME WORK, or HOME --run CODE.
// HOME holds micropython.mjs; WORK holds the firmware, the runner and the jobs, and is copied into its memory.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [home, work, code] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(join(home, "micropython.mjs")));
const lines = [];
const interpreter = await loadMicroPython({ heapsize: 48 << 20, stdout: (line) => lines.push(line) });

function copy(from, to) {
  if (statSync(from).isDirectory()) {
    interpreter.FS.mkdir(to);
    for (const name of readdirSync(from)) copy(join(from, name), `${to}/${name}`);
  } else {
    interpreter.FS.writeFile(to, readFileSync(from));
  }
}

let status = 0;
try {
  if (work === "--run") {
    interpreter.runPython(code);
  } else {
    copy(work, "/dati");
    interpreter.runPython("import sys; sys.path.insert(0, '/dati'); import interpreted; interpreted.main('/dati/jobs')");
  }
} catch (error) {
  process.stderr.write(`${error.message ?? error}\n`);
  status = 1;
}
process.stdout.write(lines.join("\n") + "\n", () => process.exit(status));
