#!/usr/bin/env node
// Plain JavaScript without static imports, so that an old Node gets as far as the sentence that it is too old.

const NODE_MIN = [24, 15];

const version = process.versions.node.split(".").map(Number);
const isTooOld = version[0] < NODE_MIN[0] || (version[0] === NODE_MIN[0] && version[1] < NODE_MIN[1]);

function refuse(sentence) {
  process.stderr.write("darkbloom: " + sentence + "\n");
  process.exit(2);
}

// Node 24 calls node:sqlite experimental each time; what we rely on in it is covered by our own tests.
function withoutSqliteWarning(emitWarning) {
  return function (warning, kind) {
    const type = typeof kind === "object" && kind !== null ? kind.type : kind;
    if (type === "ExperimentalWarning" && String(warning).startsWith("SQLite ")) return;
    emitWarning.apply(undefined, arguments);
  };
}

// What Node has made of our sources is kept where they themselves lie, so that nobody can put anything there who could not
// change them; where it cannot be written, a start takes twice as long.
async function withCompileCache() {
  const { enableCompileCache } = await import("node:module");
  const { fileURLToPath } = await import("node:url");
  enableCompileCache(fileURLToPath(new URL("../../../node_modules/.cache/darkbloom", import.meta.url)));
}

if (process.platform === "win32") {
  refuse(
    "Windows is not supported. Run Darkbloom inside WSL 2 (wsl --install, then clone the repository there), or on macOS or Linux.",
  );
} else if (isTooOld) {
  refuse(
    "this is Node " +
      process.versions.node +
      ", and Node " +
      NODE_MIN.join(".") +
      " or newer is needed. In the repository, `npm start` and `npx darkbloom` bring their own; elsewhere install Node " +
      NODE_MIN.join(".") +
      " or newer.",
  );
} else {
  process.emitWarning = withoutSqliteWarning(process.emitWarning.bind(process));
  void withCompileCache().then(() => import("../src/main.ts"));
}
