// Runs the firmware in the WebAssembly build of MicroPython, a turn at a time: node in_place.mjs HOME CODE.
// HOME holds micropython.mjs; CODE is a ROM image, which is put outside of the heap, or a folder, whose files the
// interpreter loads. The virtual board is at the other end of standard input and output.
// This build can only collect between turns, so what the heap holds before that includes all that a turn threw away.
import { readFileSync, readSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [home, code] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(join(home, "micropython.mjs")));
const say = (text) => writeSync(1, text);
const interpreter = await loadMicroPython({ heapsize: 192 << 10, stdout: (line) => say(`${line}\n`) });

const chunk = Buffer.alloc(65536);
let pending = "";
function readline() {
  for (;;) {
    const end = pending.indexOf("\n");
    if (end >= 0) {
      const line = pending.slice(0, end + 1);
      pending = pending.slice(end + 1);
      return line;
    }
    const count = readSync(0, chunk, 0, chunk.length, null);
    if (count === 0) process.exit(0); // the scenario is over
    pending += chunk.toString("latin1", 0, count);
  }
}

function copy(from, to) {
  if (statSync(from).isDirectory()) {
    interpreter.FS.mkdir(to);
    for (const name of readdirSync(from)) copy(join(from, name), `${to}/${name}`);
  } else {
    interpreter.FS.writeFile(to, readFileSync(from));
  }
}

let where = "/code";
if (statSync(code).isDirectory()) {
  copy(code, where);
} else {
  where = "/rom";
  const image = readFileSync(code);
  const address = interpreter._module._malloc(image.length);
  interpreter._module.HEAPU8.set(image, address);
  interpreter.runPython(`
import uctypes, vfs
vfs.mount(vfs.VfsRom(uctypes.bytearray_at(${address}, ${image.length})), "${where}")
`);
}
interpreter.registerJsModule("pipe", { write: say, readline });
interpreter.runPython(`
import gc, pipe, sys
sys.path[:] = ["${where}", "${where}/shims"]
import in_place
in_place.use(pipe)
`);

const { STAGES: stages, turn } = interpreter.globals.get("in_place");
const { collect, mem_alloc: held } = interpreter.globals.get("gc");
let [left, most] = [0, 0];
function settle(stage, before) {
  collect(); // which this build does when it is back here
  const after = held();
  if (after <= left && before <= most) return;
  [left, most] = [Math.max(left, after), Math.max(most, before)];
  say(`memory ${stage} ${left} ${most}\n`);
}

try {
  for (const [stage, work] of stages) {
    [left, most] = [0, 0];
    work();
    settle(stage, held());
  }
  [left, most] = [0, 0];
  for (;;) settle("duty", turn());
} catch (error) {
  say(`${error.message ?? error}\n`);
  process.exit(1);
}
