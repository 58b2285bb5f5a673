import { concatBytes, fromHex, toHex, u32be, utf8 } from "@darkbloom/protocol/bytes";
import { openDataFolder, systemClock } from "@darkbloom/protocol/node";
import * as fc from "fast-check";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { response, tpmThatAnswers } from "../../../test/fake-tpm.ts";
import { IdentityKeyError } from "../identity-file.ts";
import { readEventLog } from "./event-log.ts";
import { TpmError } from "./tpm-error.ts";
import { gatherEvidence, openCredential, takeQuote } from "./tpm-evidence.ts";
import { TpmKey } from "./tpm-key.ts";
import type { TpmObject } from "./tpm.ts";

const NO_LOG = "/nowhere/log";
const key: TpmObject = { handle: 0x8000_0000, [Symbol.asyncDispose]: async () => {} };
const sessionAnswer = "0000010000";
const inSession = (parameters: string) =>
  response("8002", 0, `${toHex(u32be(parameters.length / 2))}${parameters}${sessionAnswer}`);
const eight = "00000001000b03ff0000";
const values = (last: string) => [...Array.from({ length: 7 }, () => "11".repeat(32)), last.repeat(32)];
const digestOf = (last: string) =>
  createHash("sha256")
    .update(fromHex(values(last).join("")))
    .digest("hex");

/** TPM2_Quote's answer: TPMS_ATTEST of Part 2, 10.12.12, and some signature. */
const quoted = (digest: string, selection = eight) => {
  const attest = `ff544347801800000000${"00".repeat(25)}${selection}0020${digest}`;
  const length = (attest.length / 2).toString(16).padStart(4, "0");
  return inSession(`${length}${attest}0018000b000111000122`);
};
const pcrs = (last: string) =>
  response(
    "8001",
    0,
    `00000000${eight}00000008${values(last)
      .map((value) => `0020${value}`)
      .join("")}`,
  );

/** Goal: an event log is shown whole or not at all. Method: a file as long as one may be, and a byte longer; none. */
it.each([
  [512 * 1024, 512 * 1024],
  [512 * 1024 + 1, undefined],
  [0, undefined],
])("reads an event log of %i bytes as %s", async (bytes, read) => {
  const folder = mkdtempSync(join(tmpdir(), "event-log-"));
  try {
    const path = join(folder, "log");
    writeFileSync(path, Buffer.alloc(bytes, 1));
    expect((await readEventLog(path))?.length).toBe(read);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe("a quote", () => {
  it("holds the PCRs that were quoted", async () => {
    const { tpm } = tpmThatAnswers(quoted(digestOf("aa")), pcrs("aa"));
    const quote = await takeQuote(tpm, key, utf8("nonce"), NO_LOG);
    expect(quote.pcrs.map(({ sha256 }) => toHex(sha256))).toEqual(values("aa"));
    expect("eventLog" in quote).toBe(false);
  });

  /** Goal: values and quote always belong together. Method: a PCR that changes in between, once and always. */
  it("is taken again where a PCR has changed in between, three times at most", async () => {
    const twice = tpmThatAnswers(quoted(digestOf("aa")), pcrs("bb"), quoted(digestOf("bb")), pcrs("bb"));
    expect(toHex((await takeQuote(twice.tpm, key, utf8("n"), NO_LOG)).pcrs[7]?.sha256 ?? utf8(""))).toBe(
      "bb".repeat(32),
    );

    const always = [quoted(digestOf("aa")), pcrs("bb")];
    const { tpm, sent } = tpmThatAnswers(...always, ...always, ...always, ...always);
    await expect(takeQuote(tpm, key, utf8("n"), NO_LOG)).rejects.toMatchObject({ code: "busy" });
    expect(sent).toHaveLength(6);
  });

  /** Goal: a TPM without SHA-256 PCRs is told apart. Method: a quote that selects none of them, or another bank's. */
  it.each(["00000000", "00000001000403ff0000", "00000001000b03000000"])(
    "needs the SHA-256 bank: %s",
    async (selection) => {
      const { tpm } = tpmThatAnswers(quoted("00".repeat(32), selection));
      await expect(takeQuote(tpm, key, utf8("n"), NO_LOG)).rejects.toMatchObject({ code: "unsupported" });
    },
  );

  /** Goal: no PCR is passed off as another. Method: values for other indices, and none at all. */
  it.each(["00000001000b03fe000000000001", "00000001000b0300000000000000"])(
    "refuses other PCRs: %s",
    async (answer) => {
      const { tpm } = tpmThatAnswers(quoted(digestOf("aa")), response("8001", 0, `00000000${answer}`));
      await expect(takeQuote(tpm, key, utf8("n"), NO_LOG)).rejects.toMatchObject({ code: "malformed" });
    },
  );
});

describe("a TPM that lies", () => {
  /** Goal: whatever a TPM answers, evidence ends, and fails with a TpmError only. Method: mixtures of junk and good shapes. */
  it("ends every piece of evidence", async () => {
    const junk = fc.uint8Array({ maxLength: 64 }).map(toHex);
    const answers = fc.oneof(
      junk.map((body) => response("8001", 0, body)),
      junk.map(inSession),
      // Every index is there, and of the largest size.
      fc.constant(response("8001", 0, "00000000010000000201c0000201c0000a")),
      fc.constant(response("8001", 0, "000e01c00002000b20060006000001000000")),
      junk.map((body) => inSession(`0100${body.padEnd(512, "0").slice(0, 512)}`)),
      fc.constantFrom(quoted(digestOf("aa")), pcrs("aa"), response("8001", 0x902, "")),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(answers, { minLength: 1, maxLength: 12 }), fc.nat(2), async (script, which) => {
        const { tpm } = tpmThatAnswers(...script);
        const keys = { identity: key, attestation: key, point: new Uint8Array(65) };
        const credential = { idObject: utf8("x"), encSecret: utf8("y") };
        const work = [
          () => gatherEvidence(tpm, keys),
          () => takeQuote(tpm, key, utf8("n"), NO_LOG),
          () => openCredential(tpm, key, credential),
        ][which];
        await work?.().catch((error: unknown) => expect(error).toBeInstanceOf(TpmError));
      }),
      { numRuns: 1000 },
    );
  });

  /** Goal: the owner gets a sentence, and no file. Method: a socket that answers with junk, whole or cut off. */
  it("makes no identity", async () => {
    const path = mkdtempSync(join(tmpdir(), "darkbloom-lying-tpm-"));
    await using folder = await openDataFolder(path, "provider");
    let answer = new Uint8Array(0);
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", () => socket.end(answer));
    }).listen({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    try {
      const place = { address: { host: "127.0.0.1", port }, clock: systemClock };
      const framed = fc.uint8Array({ maxLength: 64 }).map((body) => new Uint8Array(response("8002", 0, toHex(body))));
      await fc.assert(
        fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 64 }), framed), async (bytes) => {
          answer = concatBytes(bytes);
          const refusal = await TpmKey.open(folder, place).catch((error: unknown) => error);
          expect(refusal).toBeInstanceOf(IdentityKeyError);
          expect(folder.read("tpm-identity.json")).toBe(undefined);
        }),
      );
    } finally {
      server.close();
      rmSync(path, { recursive: true });
    }
  });
});
