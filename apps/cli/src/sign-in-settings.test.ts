import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { command } from "./command.ts";
import { mailOf } from "./sign-in-settings.ts";

const SECRET = "smtps://me:hidden@mail.example.com";

/** Goal: no other user of the machine reads a password of ours in a list of processes. Method: the same URL as a flag, in the environment, and in a file that the flag names. */
it("takes a mail server's password from anywhere but the command line", async () => {
  const seen: unknown[] = [];
  const asked = command({
    path: "x",
    does: "",
    examples: [],
    needs: { smtp: "optional" },
    run: async ({ smtp }) => {
      seen.push(smtp?.login?.password);
      return 0;
    },
  });
  const folder = mkdtempSync(join(tmpdir(), "smtp-"));
  const file = join(folder, "smtp");
  writeFileSync(file, `${SECRET}\n`);
  const run = (flag: string | undefined, environment = {}) =>
    asked.run(flag === undefined ? {} : { smtp: [flag] }, environment, "");
  expect(() => run(SECRET)).toThrow(/--smtp must hold no secret.*DARKBLOOM_SMTP.*--smtp file:PATH/);
  expect(() => run(SECRET)).not.toThrow(/hidden/);
  expect(() => run(`file:${file}.missing`)).toThrow(/--smtp must be a URL/);
  await run(undefined, { DARKBLOOM_SMTP: SECRET });
  await run(`file:${file}`);
  await run("smtp://localhost:25");
  expect(seen).toEqual(["hidden", "hidden", undefined]);
  rmSync(folder, { recursive: true });
});

/** Goal: half a setting is told at the start, and not with the first mail. Method: each half alone. */
it("wants a mail server and whom mail comes from together", () => {
  const smtp = { host: "h", port: 25, tls: true, isThisMachine: false, login: undefined };
  expect(mailOf({ smtp, mailFrom: "a@b.c" })).toEqual({ smtp, from: "a@b.c" });
  expect(mailOf({ smtp: undefined, mailFrom: undefined })).toBeUndefined();
  expect(() => mailOf({ smtp, mailFrom: undefined })).toThrow(/go together/);
  expect(() => mailOf({ smtp: undefined, mailFrom: "a@b.c" })).toThrow(/go together/);
});
