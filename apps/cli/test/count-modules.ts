// Loaded before the program (`--import`), and at its end writes which modules it loaded: to the file that MODULES_FILE names.
import { writeFileSync } from "node:fs";
import { registerHooks } from "node:module";

const loaded: string[] = [];
registerHooks({
  load(url, context, nextLoad) {
    loaded.push(url);
    return nextLoad(url, context);
  },
});
process.on("exit", () => writeFileSync(process.env["MODULES_FILE"] ?? "", JSON.stringify(loaded)));
