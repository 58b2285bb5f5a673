import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../test/binary.ts";
import type { Command, Flags } from "../command.ts";
import { WrongUsage } from "../failure.ts";
import { keysCreate } from "./keys-create.ts";
import { keysDisable, keysEdit, keysEnable } from "./keys-edit.ts";
import { keysList } from "./keys-list.ts";
import { keysRevoke } from "./keys-revoke.ts";
import { keysRotate } from "./keys-rotate.ts";
import { keysShow } from "./keys-show.ts";

let said: string;
beforeEach(() => {
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});
afterEach(() => vi.restoreAllMocks());

/** A coordinator's folder with one key in it, and what each command says of it to a person. */
async function folderWithKey(flags: Flags = {}) {
  const place = temporaryFolder();
  const data = [join(place.path, "data")];
  const run = async (command: Command, given: Flags = {}, operand = ""): Promise<string> => {
    said = "";
    expect(await command.run({ ...given, data }, {}, operand)).toBe(0);
    return said;
  };
  const { key_id: id } = JSON.parse(await run(keysCreate, { ...flags, json: ["true"] }));
  return { id: String(id), run, [Symbol.dispose]: () => place[Symbol.dispose]() };
}

describe("a person reads of a key", () => {
  /** Goal: that nothing bounds it. Method: a key without anything, in each command. */
  it("that has nothing", async () => {
    using of = await folderWithKey();
    expect(await of.run(keysEdit, { name: [""] }, of.id)).toBe(`${of.id} works; it is bound to: nothing.\n`);
    expect(await of.run(keysList)).toMatch(/ works +- +-$/m);
    const shown = await of.run(keysShow, {}, of.id);
    expect(shown).toMatch(/^Name +-$/m);
    expect(shown).toMatch(/^Bound to +-$/m);
    expect(shown).toMatch(/^Last used +never$/m);
  });

  /** Goal: what bounds it, and its name. Method: a key with two bounds, in each command. */
  it("that has bounds", async () => {
    using of = await folderWithKey({ name: ["laptop"], models: ["a,b"], privacy: ["sealed"] });
    const bounds = "models a, b; sealed requests";
    expect(await of.run(keysDisable, {}, of.id)).toBe(`${of.id} disabled; it is bound to: ${bounds}.\n`);
    expect(await of.run(keysEnable, {}, of.id)).toBe(`${of.id} works; it is bound to: ${bounds}.\n`);
    expect(await of.run(keysList)).toMatch(new RegExp(` works +${bounds} +laptop$`, "m"));
    const shown = await of.run(keysShow, {}, of.id);
    expect(shown).toMatch(/^Name +laptop$/m);
    expect(shown).toMatch(new RegExp(`^Bound to +${bounds}$`, "m"));
  });

  /** Goal: whether the secret before goes on. Method: a rotation without an overlap, and one with. */
  it("for how long the secret before goes on", async () => {
    using of = await folderWithKey();
    expect(await of.run(keysRotate, {}, of.id)).toContain("The one before works no more.");
    expect(await of.run(keysRotate, { overlap: ["10m"] }, of.id)).toContain("The one before works for another 600 s.");
  });

  /** Goal: when it was revoked, and that it was. Method: a revocation, for a program and for a person. */
  it("that it was revoked", async () => {
    using of = await folderWithKey();
    const { revoked_at: at } = JSON.parse(await of.run(keysRevoke, { json: ["true"] }, of.id));
    expect(await of.run(keysList)).toContain(` revoked ${at} `);
  });
});

/** Goal: a change of nothing is a mistake. Method: no flag. */
it("changes nothing without a flag", async () => {
  using of = await folderWithKey();
  await expect(of.run(keysEdit, {}, of.id)).rejects.toThrow(WrongUsage);
});
