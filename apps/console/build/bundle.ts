import { join } from "node:path";
import { build } from "vite";
import { docs } from "./docs.ts";

/** How many modules are read between two words about it. */
const TOLD_EVERY_MODULES = 50;

/** Builds the console into a folder that is not there yet. @param tell hears how many modules were read so far */
export async function bundle(folder: string, tell: (modules: number) => void): Promise<void> {
  let modules = 0;
  await build({
    configFile: false,
    root: join(import.meta.dirname, ".."),
    base: "/console/",
    logLevel: "silent",
    build: {
      outDir: folder,
      target: "es2023",
      reportCompressedSize: false,
      // Every file comes from its own address: the page's policy lets nothing be written into it.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    plugins: [
      docs(),
      {
        name: "tell-progress",
        transform() {
          modules += 1;
          if (modules % TOLD_EVERY_MODULES === 0) tell(modules);
        },
      },
    ],
  });
}
