import { concatBytes, fromHex, toHex, u32be, utf8 } from "@darkbloom/protocol/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { response, tpmThatAnswers } from "../../../test/fake-tpm.ts";
import * as commands from "./commands.ts";
import { sized } from "@darkbloom/protocol/tpm";
import { endorsementTemplates, templates, withoutPoint } from "./templates.ts";
import { faultOf, TpmError } from "./tpm-error.ts";

const digest = new Uint8Array(32).fill(7);
const eightPcrs = [0, 1, 2, 3, 4, 5, 6, 7];
/** TPMS_AUTH_COMMAND of an empty password, and the session goes on. */
const password = "400000090000010000";
const onePassword = `00000009${password}`;
const zeros = (bytes: number) => "00".repeat(bytes);
const policy = "0020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa";
const wrappedKey = { publicArea: utf8("pub"), privateArea: utf8("secret") };
const credential = { idObject: utf8("idobj"), encSecret: utf8("enc") };

describe("TPM commands", () => {
  /**
   * Goal: what is sent is what the specification says. Method: bytes that were recorded from tpm2-tools 5.4
   * doing the same, with its HMAC sessions written as the password sessions that we use; ActivateCredential,
   * Load and the storage key's template by the tables of Part 3.
   */
  it.each([
    {
      name: "CreatePrimary, storage",
      sent: commands.createPrimary(0x4000_0001, withoutPoint(templates.storage)),
      is: `8002 00000043 00000131 40000001 ${onePassword} 0004 0000 0000 001a 0023 000b 00030472 0000 0006 0080 0043 0010 0003 0010 0000 0000 0000 00000000`,
    },
    {
      name: "CreatePrimary, ECC endorsement key",
      sent: commands.createPrimary(0x4000_000b, endorsementTemplates.ecc),
      is: `8002 000000a3 00000131 4000000b ${onePassword} 0004 0000 0000 007a 0023 000b 000300b2 ${policy} 0006 0080 0043 0010 0003 0010 0020 ${zeros(32)} 0020 ${zeros(32)} 0000 00000000`,
    },
    {
      name: "CreatePrimary, RSA endorsement key",
      sent: commands.createPrimary(0x4000_000b, endorsementTemplates.rsa),
      is: `8002 00000163 00000131 4000000b ${onePassword} 0004 0000 0000 013a 0001 000b 000300b2 ${policy} 0006 0080 0043 0010 0800 00000000 0100 ${zeros(256)} 0000 00000000`,
    },
    {
      name: "Create, identity key",
      sent: commands.create(0x8000_0000, withoutPoint(templates.identity)),
      is: `8002 00000041 00000153 80000000 ${onePassword} 0004 0000 0000 0018 0023 000b 00040472 0000 0010 0018 000b 0003 0010 0000 0000 0000 00000000`,
    },
    {
      name: "Create, attestation key",
      sent: commands.create(0x8000_0000, withoutPoint(templates.attestation)),
      is: `8002 00000041 00000153 80000000 ${onePassword} 0004 0000 0000 0018 0023 000b 00050472 0000 0010 0018 000b 0003 0010 0000 0000 0000 00000000`,
    },
    {
      name: "Load",
      sent: commands.load(0x8000_0000, wrappedKey),
      is: `8002 00000028 00000157 80000000 ${onePassword} 0006 ${toHex(utf8("secret"))} 0003 ${toHex(utf8("pub"))}`,
    },
    { name: "FlushContext", sent: commands.flushContext(0x0300_0000), is: "8001 0000000e 00000165 03000000" },
    { name: "ReadPublic", sent: commands.readPublic(0x8000_0000), is: "8001 0000000e 00000173 80000000" },
    {
      name: "Sign",
      sent: commands.sign(0x8000_0000, digest),
      is: `8002 00000047 0000015d 80000000 ${onePassword} 0020 ${toHex(digest)} 0010 8024 40000007 0000`,
    },
    {
      name: "Certify",
      sent: commands.certify(0x8000_0000, 0x8000_0001, fromHex("00ff55aa")),
      is: `8002 00000030 00000148 80000000 80000001 00000012 ${password} ${password} 0004 00ff55aa 0010`,
    },
    {
      name: "Quote",
      sent: commands.quote(0x8000_0000, fromHex("0102"), eightPcrs),
      is: `8002 0000002b 00000158 80000000 ${onePassword} 0002 0102 0010 00000001 000b 03 ff0000`,
    },
    { name: "PCR_Read", sent: commands.pcrRead(eightPcrs), is: "8001 00000014 0000017e 00000001 000b 03 ff0000" },
    {
      name: "StartAuthSession",
      sent: commands.startPolicySession(digest),
      is: `8001 0000003b 00000176 40000007 40000007 0020 ${toHex(digest)} 0000 01 0010 000b`,
    },
    {
      name: "PolicySecret",
      sent: commands.policySecretOfEndorsement(0x0300_0000),
      is: `8002 00000029 00000151 4000000b 03000000 ${onePassword} 0000 0000 0000 00000000`,
    },
    {
      name: "ActivateCredential",
      sent: commands.activateCredential(0x8000_0001, 0x8000_0002, 0x0300_0000, credential),
      is: `8002 00000034 00000147 80000001 80000002 00000012 ${password} 03000000 0000 01 0000 0005 ${toHex(utf8("idobj"))} 0003 ${toHex(utf8("enc"))}`,
    },
    { name: "NV_ReadPublic", sent: commands.nvReadPublic(0x01c0_0100), is: "8001 0000000e 00000169 01c00100" },
    {
      name: "NV_Read",
      sent: commands.nvRead(0x01c0_0100, 0x01c0_0100, 4, 0),
      is: `8002 00000023 0000014e 01c00100 01c00100 ${onePassword} 0004 0000`,
    },
    {
      name: "GetCapability, handles",
      sent: commands.handlesFrom(0x0100_0000, 0xfe),
      is: "8001 00000016 0000017a 00000001 01000000 000000fe",
    },
    {
      name: "GetCapability, properties",
      sent: commands.propertiesFrom(0x100, 0x7f),
      is: "8001 00000016 0000017a 00000006 00000100 0000007f",
    },
  ])("writes $name", ({ sent, is }) => {
    expect(toHex(sent.bytes)).toBe(is.replaceAll(" ", ""));
  });

  /** Goal: an error of the TPM has its closed word. Method: codes of Part 2, 6.6, with and without the bits that say where. */
  it.each([
    { code: 0x100, is: "not_started" },
    { code: 0x101, is: "broken" },
    { code: 0x143, is: "unsupported" },
    { code: 0x000b_0143, is: "unsupported" },
    { code: 0x902, is: "out_of_memory" },
    { code: 0x910, is: "handle" },
    { code: 0x18b, is: "handle" },
    { code: 0x1df, is: "integrity" },
    { code: 0x98e, is: "auth_refused" },
    { code: 0x9a2, is: "auth_refused" },
    { code: 0x921, is: "locked_out" },
    { code: 0x2d6, is: "unsupported" },
    { code: 0x1c4, is: "refused" },
    { code: 0xffff_ffff, is: "refused" },
  ])("tells response code $code as $is", async ({ code, is }) => {
    expect(faultOf(code)).toBe(is);
    const { tpm } = tpmThatAnswers(response("8001", code, ""));
    await expect(tpm.run(commands.sign(1, digest))).rejects.toMatchObject({ code: is, responseCode: code });
  });

  /** Goal: a busy TPM is asked again, and not for ever. Method: a TPM that is busy once; one that is always. */
  it("asks a busy TPM again", async () => {
    const busy = response("8001", 0x922, "");
    const once = tpmThatAnswers(busy, response("8001", 0, ""));
    const done = once.tpm.run(commands.flushContext(1));
    await once.clock.advance(50);
    await done;
    expect(once.sent).toHaveLength(2);

    const always = tpmThatAnswers(busy);
    const refused = expect(always.tpm.run(commands.flushContext(1))).rejects.toMatchObject({ code: "busy" });
    await always.clock.advance(1000);
    await refused;
    expect(always.sent).toHaveLength(8);
  });

  const signature = `0018 000b 0020 ${"11".repeat(32)} 0020 ${"22".repeat(32)}`.replaceAll(" ", "");
  const sessionAnswer = "0000 01 0000".replaceAll(" ", "");
  const signed = response("8002", 0, `${toHex(u32be(signature.length / 2))}${signature}${sessionAnswer}`);

  it("reads a signature", async () => {
    const { der, bytes } = await tpmThatAnswers(signed).tpm.run(commands.sign(1, digest));
    expect(toHex(der)).toBe(`30440220${"11".repeat(32)}0220${"22".repeat(32)}`);
    expect(toHex(bytes)).toBe(signature);
  });

  /** Goal: an answer that is not what was asked for gives no result. Method: one thing wrong in a good answer. */
  it.each([
    { name: "the tag of an answer without sessions", change: (hex: string) => hex.replace(/^8002/, "8001") },
    { name: "a size that is not its own", change: (hex: string) => hex.replace(/^(8002)......../, "$1000000ff") },
    { name: "a byte behind it", change: (hex: string) => `${hex}00` },
    { name: "another signature scheme", change: (hex: string) => hex.replace("0018000b", "0014000b") },
    { name: "another hash", change: (hex: string) => hex.replace("0018000b", "0018000c") },
    { name: "an empty r", change: (hex: string) => hex.replace(`0020${"11".repeat(32)}`, "0000") },
    { name: "parameters that go on", change: (hex: string) => hex.replace("0000004800", "0000004d00") },
  ])("refuses $name", async ({ change }) => {
    const changed = change(toHex(signed));
    expect(changed).not.toBe(toHex(signed));
    await expect(tpmThatAnswers(fromHex(changed)).tpm.run(commands.sign(1, digest))).rejects.toMatchObject({
      code: "malformed",
    });
  });

  const all: readonly commands.TpmCommand<unknown>[] = [
    commands.createPrimary(1, templates.storage),
    commands.create(1, templates.identity),
    commands.load(1, wrappedKey),
    commands.flushContext(1),
    commands.readPublic(1),
    commands.sign(1, digest),
    commands.certify(1, 2, digest),
    commands.quote(1, digest, [0]),
    commands.pcrRead([0]),
    commands.startPolicySession(digest),
    commands.policySecretOfEndorsement(1),
    commands.activateCredential(1, 2, 3, credential),
    commands.nvReadPublic(1),
    commands.nvRead(1, 1, 4, 0),
    commands.handlesFrom(0, 1),
    commands.propertiesFrom(0, 1),
  ];

  /** Goal: no answer makes us throw anything but a TpmError, or hang. Method: junk, and junk behind a header that fits. */
  it("survives every answer", async () => {
    const junk = fc.uint8Array({ maxLength: 200 });
    const behindHeader = fc
      .tuple(fc.constantFrom("8001", "8002"), junk)
      .map(([tag, body]) => response(tag, 0, toHex(body)));
    const behindSize = junk.map((body) =>
      response("8002", 0, toHex(concatBytes(u32be(body.length), body, fromHex(sessionAnswer)))),
    );
    const inside = junk.map((body) => response("8001", 0, toHex(sized(body))));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(junk, behindHeader, behindSize, inside),
        fc.constantFrom(...all),
        async (answer, one) => {
          await tpmThatAnswers(answer)
            .tpm.run(one)
            .catch((error: unknown) => expect(error).toBeInstanceOf(TpmError));
        },
      ),
      { numRuns: 2000 },
    );
  });

  /** Goal: half an answer is none. Method: every beginning of a good one. */
  it("refuses every beginning of an answer", async () => {
    for (let length = 0; length < signed.length; length++)
      await expect(tpmThatAnswers(signed.slice(0, length)).tpm.run(commands.sign(1, digest))).rejects.toMatchObject({
        code: "malformed",
      });
  });

  /** Goal: what a TPM was made to hold is given back on every way out. Method: a failure while it is held. */
  it("flushes what it holds when the work fails", async () => {
    const { tpm, sent } = tpmThatAnswers(
      response("8001", 0, "030000010000"),
      new TpmError("lost"),
      new TpmError("lost"),
    );
    const work = async () => {
      await using session = await tpm.hold(commands.startPolicySession(digest));
      await tpm.run(commands.policySecretOfEndorsement(session.handle));
    };
    await expect(work()).rejects.toMatchObject({ code: "lost" });
    expect(sent.at(-1)).toBe("80010000000e0000016503000001");
  });

  it("tells the maker and the firmware", async () => {
    const properties = "00 00000006 00000003 00000105 49424d00 0000010b 20191023 0000010c 00163636".replaceAll(" ", "");
    const { tpm } = tpmThatAnswers(response("8001", 0, properties));
    expect(await tpm.describe()).toEqual({ manufacturer: "IBM", firmware: "8217.4131.22.13878" });
  });
});
