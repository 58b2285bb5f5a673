/**
 * Keeps answers of the bundled model in packages/testkit/test/goldens: its pieces, and the bytes that
 * became of them. Run it after a change of what a dialect tells, and look at what changed:
 * `npm run goldens`. Then the program itself, as `darkbloom up` starts it, is asked the same and must
 * say the same.
 */
import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { bundledModelPath } from "@darkbloom/provider/engine/llama/model-file";
import { loadModel } from "@darkbloom/provider/start-provider";
import { writeFileSync } from "node:fs";
import { goldenCases } from "../packages/testkit/test/goldens/cases.ts";
import { ask, goldenFile, GoldenNetwork, takesFile, takesText } from "../packages/testkit/test/goldens/goldens.ts";
import { RecordingEngine, type Take } from "../packages/testkit/test/goldens/tape.ts";
import { Folder, Program } from "../packages/testkit/test/running.ts";

const engine = new RecordingEngine(await loadModel({ modelPath: bundledModelPath, build: bundledEntry.build }));
const takes: Record<string, Take> = {};
const answers = new Map<string, string>();
{
  await using network = await GoldenNetwork.open(engine);
  for (const one of goldenCases) {
    answers.set(one.name, await ask(network, one));
    if (engine.last) takes[one.name] = engine.last;
  }
}
{
  using folder = new Folder();
  await using program = new Program(["up", "--port", "0", "--data", folder.path]);
  const ready = await program.ready;
  for (const one of goldenCases)
    if ((await ask(ready, one)) !== answers.get(one.name))
      throw new Error(`the program answers ${one.name} differently`);
}
for (const [name, text] of answers) writeFileSync(goldenFile(name), text);
writeFileSync(takesFile, takesText(takes));
