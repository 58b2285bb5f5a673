import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AdminError } from "@darkbloom/coordinator/admin/fault";
import { DataFolderError } from "@darkbloom/protocol/node";
import { ModelFileError } from "@darkbloom/provider/files/weights";
import { expect, it } from "vitest";
import { CommandFailed, WrongUsage } from "./failure.ts";
import { sentenceOf } from "./sentences.ts";

/** What never reaches a command by itself: each is caught and told in another way. */
const notForPeople = [
  "ApiError",
  "ChipError",
  "DialError",
  "DarkbloomError",
  "EngineSpeechError",
  "LineTooLongError",
  "MailError",
  "NetworkError",
  "OpenIdError",
  "PaymentsError",
  "TemplateError",
];

/** Goal: a person reads a sentence, not the class of an error. Method: one of each place, and one that nobody expected. */
it("tells errors for people, and no others", () => {
  for (const error of [
    new WrongUsage("A sentence."),
    new CommandFailed("A sentence."),
    new AdminError("invalid", "A sentence."),
    new DataFolderError("in_use", "A sentence."),
    new ModelFileError("A sentence."),
  ])
    expect(sentenceOf(error)).toBe("A sentence.");
  for (const error of [new Error("secret"), "secret", undefined]) expect(sentenceOf(error)).toBeUndefined();
});

/** Goal: a new error with a sentence cannot be forgotten. Method: each class of the sources that is called an Error and is a bare one. */
it("knows every other class that is called an error", () => {
  const root = join(import.meta.dirname, "../../..");
  const sources = globSync("{apps,packages}/*/src/**/*.ts", { cwd: root }).filter((path) => !path.endsWith(".test.ts"));
  const bare = sources.flatMap((path) =>
    [...readFileSync(join(root, path), "utf8").matchAll(/class (\w+Error) extends Error\b/g)].map(
      (found) => found[1] ?? "",
    ),
  );
  expect(bare.filter((name) => !notForPeople.includes(name))).toEqual([]);
});
