import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@darkbloom/protocol/bytes";
import { tags } from "@darkbloom/protocol/wire";
import { nodeCrypto, openDataFolder, type DataFolder } from "@darkbloom/protocol/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/manual-clock.ts";
import type { Behaviour } from "../../test/stand-in-enclave.ts";
import { IdentityKeyError } from "./identity-file.ts";
import { builtHelper } from "./secure-enclave-build.ts";
import { HELPER_ANSWER_MS, HELPER_REQUESTS_WAITING_MAX, HelperFailure } from "./secure-enclave-helper.ts";
import { openSecureEnclaveKey, SECURE_ENCLAVE_KEY_FILE } from "./secure-enclave-key.ts";

const standIn = join(import.meta.dirname, "../../test/stand-in-enclave.ts");
const MESSAGE = utf8("message");
const TAGGED = utf8(`${tags.receipt}message`);

describe("a key of the Secure Enclave, with a stand-in for its helper", () => {
  let path: string;
  let folder: DataFolder;
  let clock: ManualClock;
  const open = (behaviour: Behaviour = "good", at = "sign") =>
    openSecureEnclaveKey(folder, {
      platform: "darwin",
      clock,
      helper: [process.execPath, standIn, path, behaviour, at],
    });
  /** Opens the key that a good helper has made. */
  const reopen = async (behaviour: Behaviour) => {
    await using _made = await open();
    rmSync(join(path, "starts"));
    return open(behaviour);
  };
  const starts = () => readFileSync(join(path, "starts"), "utf8").length;
  /** Lets time pass until it is over, however many waits there are. */
  const inTime = async <T>(promise: Promise<T>): Promise<T> => {
    const over = new AbortController();
    const done = promise.finally(() => over.abort());
    void done.catch(() => undefined);
    while (!over.signal.aborted) await clock.advance(HELPER_ANSWER_MS);
    return done;
  };

  beforeEach(async () => {
    path = mkdtempSync(join(tmpdir(), "darkbloom-enclave-"));
    folder = await openDataFolder(path, "provider");
    clock = new ManualClock();
  });
  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
    rmSync(path, { recursive: true });
  });

  it("is made once, is kept for this user alone, and is the same at the next start", async () => {
    await using first = await open();
    expect(first.publicKey).toHaveLength(65);
    expect(statSync(join(path, SECURE_ENCLAVE_KEY_FILE)).mode & 0o777).toBe(0o600);
    await using second = await open();
    expect(second.publicKey).toEqual(first.publicKey);
  });

  it("signs tagged messages, and hashes as their hex, many at once", async () => {
    await using key = await open();
    const signatures = await Promise.all(Array.from({ length: 20 }, () => key.signTagged(tags.receipt, MESSAGE)));
    for (const signature of signatures)
      expect(await nodeCrypto.verifyP256(key.publicKey, TAGGED, signature)).toBe(true);
    const hash = await key.signResponseHash(new Uint8Array(32).fill(0xab));
    expect(await nodeCrypto.verifyP256(key.publicKey, utf8("ab".repeat(32)), hash)).toBe(true);
    await expect(key.signResponseHash(TAGGED)).rejects.toThrow(RangeError);
    expect(starts()).toBe(1);
  });

  it("signs on after its helper has crashed, with the same key", async () => {
    await using key = await reopen("crash_once");
    const signature = await key.signTagged(tags.receipt, MESSAGE);
    expect(await nodeCrypto.verifyP256(key.publicKey, TAGGED, signature)).toBe(true);
    expect(starts()).toBe(2);
  });

  /** Goal: whatever the helper does, a signature is right or there is none, and a misbehaving one is asked once more only. Method: one misbehaviour per line. */
  it.each<[Behaviour, fault: string, starts: number | undefined]>([
    // The second one's time may be over before it has begun.
    ["silent", "silent", undefined],
    ["crash", "ended", 2],
    ["junk", "junk", 2],
    ["array", "junk", 2],
    ["wrong_id", "junk", 2],
    ["text_id", "junk", 2],
    ["no_id", "junk", 2],
    ["both", "junk", 2],
    ["wrong_shape", "junk", 2],
    ["unknown_error", "junk", 2],
    ["oversize", "oversize", 2],
    ["endless", "oversize", 2],
    ["failed", "failed", 1],
    ["hashed_twice", "failed", 1],
  ])("gives no signature when the helper is %s", async (behaviour, fault, expectedStarts) => {
    await using key = await reopen(behaviour);
    const signing = key.signTagged(tags.receipt, MESSAGE);
    const failure = await (behaviour === "silent" ? inTime(signing) : signing).then(
      () => "a signature",
      (error: unknown) => (error instanceof HelperFailure ? error.fault : error),
    );
    expect(failure).toBe(fault);
    if (expectedStarts !== undefined) expect(starts()).toBe(expectedStarts);
  });

  /** Goal: a second answer is not taken for the next one's. Method: two at once, then another message. */
  it("never takes one answer for another", async () => {
    await using key = await reopen("two_answers");
    for (const text of ["one", "two", "three"]) {
      const signature = await key.signTagged(tags.receipt, utf8(text)).catch(() => undefined);
      if (signature)
        expect(await nodeCrypto.verifyP256(key.publicKey, utf8(`${tags.receipt}${text}`), signature)).toBe(true);
    }
  });

  /** Goal: a machine that cannot have such a key says why, so that another can be chosen. Method: what goes wrong at the first start. */
  it.each<[Behaviour, at: string, says: RegExp]>([
    ["no_enclave", "hello", /no Secure Enclave/],
    ["old_protocol", "hello", /protocol/],
    ["junk", "hello", /protocol/],
    ["unasked", "hello", /protocol|ended/],
    ["crash", "hello", /ended by itself/],
    ["failed", "create", /could not make/],
    ["short_key", "create", /another key/],
    ["failed", "sign", /could not make or use/],
    ["hashed_twice", "sign", /could not make or use/],
  ])("is unavailable when the helper is %s at %s", async (behaviour, at, says) => {
    const failure = await open(behaviour, at).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(IdentityKeyError);
    expect(failure).toMatchObject({ message: expect.stringMatching(says) });
    expect(folder.read(SECURE_ENCLAVE_KEY_FILE)).toBeUndefined();
  });

  /** Goal: an identity is never exchanged by itself. Method: a folder with a key, and a helper that cannot use it. */
  it.each<[Behaviour, at: string, says: RegExp]>([
    ["no_enclave", "hello", /no Secure Enclave/],
    ["bad_key", "load", /does not know the key/],
    ["another_key", "load", /another key/],
    ["crash", "load", /ended by itself/],
  ])("is lost, and not replaced, when the helper is %s at %s", async (behaviour, at, says) => {
    const kept = await open().then(async (key) => {
      await key[Symbol.asyncDispose]();
      return folder.read(SECURE_ENCLAVE_KEY_FILE)?.toString();
    });
    const failure = await open(behaviour, at).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(IdentityKeyError);
    expect(failure).toMatchObject({ message: expect.stringMatching(says) });
    expect(failure).toMatchObject({ message: expect.stringContaining("move ") });
    expect(folder.read(SECURE_ENCLAVE_KEY_FILE)?.toString()).toBe(kept);
  });

  it.each(["", "{}", '{"v":2,"key":"QUJD","public_key":"QUJD"}', "secret words"])(
    "is lost, unquoted, where its file is %j",
    async (content) => {
      folder.write(SECURE_ENCLAVE_KEY_FILE, content);
      const failure = await open().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(IdentityKeyError);
      expect(failure).toMatchObject({ message: expect.not.stringContaining("secret words") });
    },
  );

  it("is unavailable elsewhere than on a Mac, and where the helper cannot start", async () => {
    await expect(openSecureEnclaveKey(folder, { platform: "linux" })).rejects.toThrow(/not a Mac/);
    const missing = openSecureEnclaveKey(folder, { platform: "darwin", clock, helper: [join(path, "nowhere")] });
    await expect(missing).rejects.toMatchObject({ message: expect.stringContaining("could not be started") });
    // Without /usr/bin/swiftc nothing is compiled; on a Mac with it this would be the program's path.
    if (process.platform === "linux") expect(await builtHelper(folder)).toBeUndefined();
  });

  it("is refused where other users can read its file", async () => {
    await (await open())[Symbol.asyncDispose]();
    chmodSync(join(path, SECURE_ENCLAVE_KEY_FILE), 0o640);
    await expect(open()).rejects.toThrow(/Other users can read/);
  });

  it("ends with its helper, also one that does not end by itself", async () => {
    const good = await open();
    await good[Symbol.asyncDispose]();
    await expect(good.signTagged(tags.receipt, MESSAGE)).rejects.toMatchObject({ fault: "closed" });
    const stubborn = await open("stays");
    await inTime(Promise.resolve(stubborn[Symbol.asyncDispose]()));
  });

  it("refuses more at once than it keeps, and more than a line holds", async () => {
    await using key = await open();
    const signing = Array.from({ length: HELPER_REQUESTS_WAITING_MAX + 1 }, () =>
      key.signTagged(tags.receipt, MESSAGE),
    );
    const settled = await Promise.allSettled(signing);
    expect(settled.filter(({ status }) => status === "rejected")).toHaveLength(1);
    await expect(key.signTagged(tags.receipt, new Uint8Array(128 * 1024))).rejects.toMatchObject({
      fault: "bad_request",
    });
    await expect(key.signTagged(tags.receipt, MESSAGE)).resolves.toBeDefined();
  });
});
