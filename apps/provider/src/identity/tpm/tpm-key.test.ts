import { concatBytes, equalBytes, fromBase64, fromHex, toHex, utf8 } from "@darkbloom/protocol/bytes";
import { tags } from "@darkbloom/protocol/wire";
import { nodeCrypto, openDataFolder, systemClock, type DataFolder } from "@darkbloom/protocol/node";
import { spawn, execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hasPty, hasSoftTpm, PTY_RELAY, SoftTpm } from "../../../test/soft-tpm.ts";
import { IdentityKeyError } from "../identity-file.ts";
import { sized } from "@darkbloom/protocol/tpm";
import { TPM_KEY_FILE, TpmKey } from "./tpm-key.ts";
import type { TpmAddress } from "./transport.ts";

const TEST_MS_MAX = 60_000;
const sha256 = (...parts: Uint8Array[]) =>
  new Uint8Array(
    createHash("sha256")
      .update(concatBytes(...parts))
      .digest(),
  );
/** TPM 2.0 Part 1, "Names": of the public area, by the algorithm in front. */
const nameOf = (publicArea: Uint8Array) => concatBytes(fromHex("000b"), sha256(publicArea));

describe.skipIf(!hasSoftTpm)("an identity key in a TPM (swtpm)", { timeout: TEST_MS_MAX }, () => {
  let soft: SoftTpm;
  let path: string;
  let folder: DataFolder;

  beforeAll(async () => {
    soft = await SoftTpm.start();
  }, TEST_MS_MAX);
  afterAll(async () => {
    await soft[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    path = mkdtempSync(join(tmpdir(), "darkbloom-tpm-key-"));
    folder = await openDataFolder(path, "provider");
  });
  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
    rmSync(path, { recursive: true });
  });

  const open = (address: TpmAddress = soft.address, eventLogPath = join(path, "no-log")) =>
    TpmKey.open(folder, { address, clock: systemClock, eventLogPath });
  const put = (name: string, bytes: Uint8Array) => soft.write(name, bytes);
  const stored = (key: "identity" | "attestation", part: "public" | "private"): Uint8Array =>
    fromBase64(JSON.parse(readFileSync(folder.file(TPM_KEY_FILE), "utf8"))[key][part]);

  /** Goal: the key is made once, and signs as a software key does. Method: two starts, and the verifying side's primitives. */
  it("is made once, and signs tagged messages and hashes", async () => {
    const first = await open();
    expect(statSync(folder.file(TPM_KEY_FILE)).mode & 0o777).toBe(0o600);
    await first[Symbol.asyncDispose]();

    await using key = await open();
    expect(key.publicKey).toEqual(first.publicKey);
    const tagged = await key.signTagged(tags.receipt, utf8("message"));
    expect(await nodeCrypto.verifyP256(key.publicKey, utf8(`${tags.receipt}message`), tagged)).toBe(true);
    expect(await nodeCrypto.verifyP256(key.publicKey, utf8("message"), tagged)).toBe(false);
    const hash = await key.signResponseHash(new Uint8Array(32).fill(0xab));
    expect(await nodeCrypto.verifyP256(key.publicKey, utf8("ab".repeat(32)), hash)).toBe(true);
    await expect(key.signResponseHash(utf8(tags.receipt))).rejects.toThrow(RangeError);
  });

  /** Goal: the key cannot leave the TPM, as others see it. Method: tpm2-tools load our wrapped keys and describe them. */
  it.each([
    { key: "identity", attributes: "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign" },
    { key: "attestation", attributes: "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign" },
  ] as const)("is bound to the TPM for tpm2-tools: $key", async ({ key, attributes }) => {
    await (await open())[Symbol.asyncDispose]();
    put("key.pub", sized(stored(key, "public")));
    put("key.priv", sized(stored(key, "private")));
    const parent = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt";
    await soft.tool("tpm2_createprimary", "-C", "o", "-G", "ecc", "-a", parent, "-c", "parent.ctx");
    await soft.tool("tpm2_load", "-C", "parent.ctx", "-u", "key.pub", "-r", "key.priv", "-c", "key.ctx");
    const described = await soft.tool("tpm2_readpublic", "-c", "key.ctx", "-n", "key.name");
    expect(described).toContain(`value: ${attributes}\n`);
    expect(described).toContain("value: NIST p256");
    expect(new Uint8Array(readFileSync(soft.file("key.name")))).toEqual(nameOf(stored(key, "public")));
  });

  /**
   * Goal: the evidence shows what it should to others' eyes. Method: the certificate by OpenSSL, the attestation by
   * tpm2_verifysignature, its content by Part 2's tables.
   */
  it("gathers evidence that tpm2-tools and OpenSSL verify", async () => {
    const key = await open();
    const evidence = await key.evidence();
    await key[Symbol.asyncDispose]();

    expect(evidence.ekCertificates).toHaveLength(1);
    const leaf = evidence.ekCertificates?.[0] ?? new Uint8Array(0);
    const certificate = new X509Certificate(leaf);
    expect(certificate.verify(new X509Certificate(soft.issuerDer).publicKey)).toBe(true);
    await soft.tool("tpm2_createek", "-G", "rsa", "-c", "ek.ctx", "-u", "ek.pub");
    expect(equalBytes(readFileSync(soft.file("ek.pub")), sized(evidence.ekPublic))).toBe(true);
    await soft.tool("tpm2_nvread", "0x01c00002", "-o", "ek.der");
    expect(equalBytes(readFileSync(soft.file("ek.der")).subarray(0, leaf.length), leaf)).toBe(true);

    expect(evidence.keyPublic).toEqual(stored("identity", "public"));
    expect(evidence.akPublic).toEqual(stored("attestation", "public"));
    const { attest, signature } = evidence.certify;
    put("ak.pub", sized(evidence.akPublic));
    put("attest", attest);
    put("signature", signature);
    await soft.tool("tpm2_loadexternal", "-C", "n", "-u", "ak.pub", "-c", "ak.ctx");
    await soft.tool("tpm2_verifysignature", "-c", "ak.ctx", "-g", "sha256", "-m", "attest", "-s", "signature");

    const certified = nameOf(evidence.keyPublic);
    expect(toHex(attest.slice(0, 6))).toBe("ff5443478017");
    expect(toHex(attest)).toContain(`0020${toHex(sha256(key.publicKey))}`);
    expect(toHex(attest)).toContain(`0022${toHex(certified)}`);
  });

  /** Goal: a quote is over our data and the real PCRs. Method: tpm2_checkquote; PCR 7 extended before by a tool. */
  it("quotes PCRs for tpm2_checkquote", async () => {
    await soft.tool("tpm2_pcrextend", `7:sha256=${"5a".repeat(32)}`);
    const nonce = sha256(utf8("nonce"));
    const log = join(path, "log");
    writeFileSync(log, "events");
    const key = await open(soft.address, log);
    const quote = await key.quote(nonce);
    const { akPublic } = await key.evidence();
    await key[Symbol.asyncDispose]();

    put("ak.pub", sized(akPublic));
    put("quote.msg", quote.attest);
    put("quote.sig", quote.signature);
    const check = (qualifying: Uint8Array) =>
      soft.tool(
        "tpm2_checkquote",
        "-u",
        "ak.pub",
        "-m",
        "quote.msg",
        "-s",
        "quote.sig",
        "-g",
        "sha256",
        "-q",
        toHex(qualifying),
      );
    await check(nonce);
    await expect(check(sha256(utf8("other")))).rejects.toThrow();
    const seen = await soft.tool("tpm2_pcrread", "sha256:0,1,2,3,4,5,6,7");
    expect(quote.pcrs.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const pcr of quote.pcrs) expect(seen).toMatch(new RegExp(`${pcr.index} *: 0x${toHex(pcr.sha256)}`, "i"));
    expect(toHex(quote.pcrs[7]?.sha256 ?? new Uint8Array(0))).not.toBe("00".repeat(32));
    expect(quote.eventLog).toEqual(utf8("events"));
  });

  const SECRET = utf8("a secret of 32 bytes to be found");
  const credentialFor = async (tpm: SoftTpm, ekPublic: Uint8Array, akPublic: Uint8Array) => {
    writeFileSync(tpm.file("ek.pub"), sized(ekPublic));
    writeFileSync(tpm.file("secret"), SECRET);
    const name = toHex(nameOf(akPublic));
    await tpm.tool("tpm2_makecredential", "-T", "none", "-u", "ek.pub", "-s", "secret", "-n", name, "-o", "credential");
    // The tool's own header of eight bytes, then TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET.
    const file = new Uint8Array(readFileSync(tpm.file("credential"))).slice(8);
    const idBytes = new DataView(file.buffer).getUint16(0);
    return { idObject: file.slice(2, 2 + idBytes), encSecret: file.slice(4 + idBytes) };
  };

  /** Goal: a credential for this machine is opened, another is not, and nothing stays behind. Method: tpm2_makecredential. */
  it("activates a credential of tpm2_makecredential, and leaves nothing in the TPM", async () => {
    const first = await open();
    const { ekPublic, akPublic, keyPublic } = await first.evidence();
    await first[Symbol.asyncDispose]();
    const mine = await credentialFor(soft, ekPublic, akPublic);
    const foreign = await credentialFor(soft, ekPublic, keyPublic);

    {
      await using key = await open();
      expect(await key.activate(mine)).toEqual(SECRET);
      await expect(key.activate(foreign)).rejects.toMatchObject({ name: "TpmError" });
      await expect(key.activate({ idObject: utf8("x"), encSecret: utf8("y") })).rejects.toMatchObject({
        name: "TpmError",
      });
      // More often than there is room for, which would end in `out_of_memory`.
      for (let time = 0; time < 5; time++) await key.activate(mine);
      await key.signTagged(tags.receipt, utf8("m"));
    }
    for (const kind of ["handles-transient", "handles-loaded-session"])
      expect(await soft.tool("tpm2_getcap", kind)).toBe("");
  });

  /** Goal: many callers at once all get their own signature. Method: fifty signatures, with a quote between them. */
  it("takes turns", async () => {
    await using key = await open();
    const messages = Array.from({ length: 50 }, (_, index) => utf8(`message ${index}`));
    const [signatures] = await Promise.all([
      Promise.all(messages.map((message) => key.signTagged(tags.receipt, message))),
      key.quote(sha256()),
      key.evidence(),
    ]);
    for (const [index, message] of messages.entries())
      expect(
        await nodeCrypto.verifyP256(
          key.publicKey,
          concatBytes(utf8(tags.receipt), message),
          signatures[index] ?? utf8(""),
        ),
      ).toBe(true);
  });

  it.each([0o640, 0o604])("is refused where others can read its file: %o", async (mode) => {
    await (await open())[Symbol.asyncDispose]();
    chmodSync(folder.file(TPM_KEY_FILE), mode);
    await expect(open()).rejects.toThrow(/chmod 600/);
  });

  /** Goal: a file that is not ours is refused, unquoted, and never replaced. Method: junk, other JSON, the two keys swapped. */
  it("is refused where the file is something else", async () => {
    await (await open())[Symbol.asyncDispose]();
    const good = JSON.parse(readFileSync(folder.file(TPM_KEY_FILE), "utf8"));
    const swapped = { ...good, identity: good.attestation, attestation: good.identity };
    const mixed = { ...good, identity: { ...good.identity, private: good.attestation.private } };
    for (const text of ["secret", "{}", `{"v":2}`, JSON.stringify(swapped), JSON.stringify(mixed)]) {
      folder.write(TPM_KEY_FILE, text);
      const refusal = await open().catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(IdentityKeyError);
      expect(String(refusal)).toMatch(/move (it|the file) away/);
      expect(String(refusal)).not.toContain("secret");
      expect(readFileSync(folder.file(TPM_KEY_FILE), "utf8")).toBe(text);
    }
  });

  it("tells where there is no TPM", async () => {
    await expect(open({ device: "/dev/no-such-tpm" })).rejects.toThrow(/There is no TPM/);
  });

  /** Goal: the key works through a device file too. Method: a pseudo-terminal that a small program joins to swtpm. */
  it.skipIf(!hasPty)("signs through a device file", async () => {
    const relay = spawn("python3", ["-c", PTY_RELAY, String(soft.address.port)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [device] = await once(createInterface({ input: relay.stdout }), "line");
      const key = await open({ device: String(device) });
      const signature = await key.signTagged(tags.receipt, utf8("m"));
      expect(await nodeCrypto.verifyP256(key.publicKey, utf8(`${tags.receipt}m`), signature)).toBe(true);
      expect((await key.evidence()).ekCertificates).toHaveLength(1);
      await key[Symbol.asyncDispose]();
    } finally {
      relay.kill("SIGKILL");
    }
  });

  describe("on a TPM of its own", () => {
    let own: SoftTpm;
    beforeEach(async () => {
      own = await SoftTpm.start();
    }, TEST_MS_MAX);
    afterEach(async () => {
      await own[Symbol.asyncDispose]();
    });

    /** Goal: a machine that slept signs on. Method: the TPM goes off, and on again with its state. */
    it("signs again after the TPM was restarted, and fails while it is off", async () => {
      await using key = await open(own.address);
      const before = key.publicKey;
      await own.switchOff();
      await expect(key.signTagged(tags.receipt, utf8("m"))).rejects.toThrow("unreachable");
      await own.switchOn();
      const signature = await key.signTagged(tags.receipt, utf8("m"));
      expect(await nodeCrypto.verifyP256(before, utf8(`${tags.receipt}m`), signature)).toBe(true);
      await own.switchOff();
      await own.switchOn();
      await key.quote(sha256());
    });

    it("is refused, with what to do, on another machine", async () => {
      await (await open())[Symbol.asyncDispose]();
      await expect(open(own.address)).rejects.toThrow(/made by another TPM.*move the file away/);
    });

    it("is refused, with what to do, after the TPM was cleared", async () => {
      await (await open(own.address))[Symbol.asyncDispose]();
      await own.tool("tpm2_clear", "-c", "p");
      await expect(open(own.address)).rejects.toThrow(/was cleared since/);
    });

    it("is refused, with what to do, where the owner hierarchy has a password", async () => {
      await own.tool("tpm2_changeauth", "-c", "owner", "password");
      await expect(open(own.address)).rejects.toThrow(/owner hierarchy has a password/);
    });

    /**
     * Goal: the elliptic endorsement key is preferred where it is certified, with the chain in the TPM. Method: a
     * certificate for another key first, then for this one; the issuer's in two pieces.
     */
    it("takes the endorsement key that is certified, and the chain", async () => {
      const file = (name: string) => own.file(name);
      const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { cwd: file("."), stdio: "pipe" });
      openssl(
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "other.key",
        "-subj",
        "/CN=ek",
        "-out",
        "ek.csr",
      );
      const certified = async (...args: readonly string[]) => {
        openssl(
          "x509",
          "-req",
          "-in",
          "ek.csr",
          "-CA",
          "issuercert.pem",
          "-CAkey",
          "signingkey.pem",
          "-set_serial",
          "7",
          "-outform",
          "DER",
          "-out",
          "ecc.der",
          ...args,
        );
        await store("0x01c0000a", readFileSync(file("ecc.der")));
      };
      const store = async (index: string, bytes: Uint8Array) => {
        writeFileSync(file("nv"), bytes);
        const attributes = "ownerread|authread|ownerwrite";
        await own.tool("tpm2_nvdefine", index, "-C", "o", "-s", String(bytes.length), "-a", attributes);
        await own.tool("tpm2_nvwrite", index, "-C", "o", "-i", "nv");
      };
      const evidence = async () => {
        await using key = await open(own.address);
        return await key.evidence();
      };

      await certified();
      expect((await evidence()).ekPublic[1]).toBe(0x01);
      await own.tool("tpm2_nvundefine", "0x01c0000a", "-C", "o");

      await own.tool("tpm2_createek", "-G", "ecc", "-c", "ek.ctx", "-u", "ek.pem", "-f", "pem");
      await certified("-force_pubkey", "ek.pem");
      const issuer = own.issuerDer;
      await store("0x01c00100", issuer.subarray(0, 300));
      await store("0x01c00101", concatBytes(issuer.subarray(300), new Uint8Array(9)));
      const { ekCertificates = [], ekPublic, akPublic } = await evidence();
      expect(ekPublic[1]).toBe(0x23);
      expect(ekCertificates.map((certificate) => certificate.length)).toEqual([
        readFileSync(file("ecc.der")).length,
        issuer.length,
      ]);
      expect(new X509Certificate(ekCertificates[1] ?? "").subject).toBe(new X509Certificate(own.issuerDer).subject);
      const credential = await credentialFor(own, ekPublic, akPublic);
      await using key = await open(own.address);
      expect(await key.activate(credential)).toEqual(SECRET);
    });
  });
});
