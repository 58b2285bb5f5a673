import { createHmac } from "node:crypto";
import { serialNames } from "../../../apps/coordinator/src/machines/trust/serial-names.ts";
import { manifestSha256, manifestText } from "../../../apps/provider/src/files/file-manifest.ts";
import { canonicalBytes } from "../src/canonical.ts";
import { concatBytes, fromHex, toBase64, toHex, utf8 } from "../src/bytes.ts";
import { activationStatement, nonceTree, rootOfPath, statedActivation, type NoncePath } from "../src/evidence/index.ts";
import { tags } from "../src/wire/index.ts";
import { nodeCrypto } from "../src/node/index.ts";
import { secretNamed, testCountersigner, type TestCountersigner } from "./keys.ts";
import { startMs, timeAt } from "./samples.ts";
import { tpmInput, type RecordedTpm } from "./tpm-vectors.ts";

/** What callers, coordinators and operators put beside a machine's own evidence. */

const treeSizes = [1, 2, 3, 4, 5, 7, 8];
const nonces = Array.from({ length: Math.max(...treeSizes) }, (_, n) => secretNamed(`caller nonce ${n}`));

type Step = NoncePath[number];
const flipped = ({ side, sha256 }: Step): Step => ({ side: side === "left" ? "right" : "left", sha256 });
const changed = ({ side, sha256 }: Step): Step => ({
  side,
  sha256: `${sha256.startsWith("0") ? "1" : "0"}${sha256.slice(1)}`,
});

/** Nonces and paths of the tree of five that lead nowhere, each by the word for what is wrong with it. */
function wrongPaths({ root, paths }: ReturnType<typeof nonceTree>) {
  const [nonce, other] = nonces;
  const [own, neighbours] = paths;
  const [first, last] = [own?.at(0), own?.at(-1)];
  if (!nonce || !other || !own || !neighbours || !first || !last) throw new Error("a tree of five has paths");
  const cases: readonly (readonly [wrong: string, nonce: Uint8Array, path: NoncePath])[] = [
    ["another's nonce", other, own],
    ["another's path", nonce, neighbours],
    ["a flipped side", nonce, [flipped(first), ...own.slice(1)]],
    ["a changed hash", nonce, [...own.slice(0, -1), changed(last)]],
    ["a step too few", nonce, own.slice(0, -1)],
    ["a step too many", nonce, [...own, { side: "right", sha256: root }]],
    ["steps in another order", nonce, own.toReversed()],
    ["upper case", nonce, [{ ...first, sha256: first.sha256.toUpperCase() }, ...own.slice(1)]],
    // Without a leaf's own prefix this would be a nonce of the tree.
    ["a node as nonce", concatBytes(nodeCrypto.sha256(Uint8Array.of(0), nonce), fromHex(first.sha256)), own.slice(1)],
    ["more steps than there may be", nonce, Array.from({ length: 11 }, () => first)],
  ];
  return cases.map(([wrong, leaf, path]) => {
    if (rootOfPath(nodeCrypto, leaf, path) === root) throw new Error(`${wrong} leads to the root`);
    return { wrong, nonce: toHex(leaf), path };
  });
}

export function callerNonces() {
  const trees = treeSizes.map((size) => ({ size, tree: nonceTree(nodeCrypto, nonces.slice(0, size)) }));
  const five = trees.find(({ size }) => size === 5);
  if (!five) throw new Error("there is a tree of five");
  return {
    about:
      "RFC 6962 §2.1, with SHA-256 over nonces of 32 bytes. A path has a step for each level, from the nonce up: the neighbour's hash, and the side on which the neighbour stands; at most ten. `wrong` ones are for the tree of five and must not lead to its root.",
    nonces: nonces.map(toHex),
    trees: trees.map(({ size, tree }) => ({ size, ...tree })),
    wrong: wrongPaths(five.tree),
  };
}

const activationNames = ["coordinator key", "another coordinator key"] as const;

export async function activation(tpms: readonly RecordedTpm[]) {
  const [coordinator, stranger] = activationNames.map(testCountersigner);
  const [tpm, otherTpm] = tpms.map((recorded) => tpmInput(recorded).evidence);
  if (!coordinator || !stranger || !tpm || !otherTpm) throw new Error("two coordinators and two TPMs are needed");
  const keyId = "key-1";
  const at = startMs;
  const { statement } = activationStatement(nodeCrypto, tpm, at);
  const fields = JSON.parse(new TextDecoder().decode(statement)) as Record<string, unknown>;
  const ofOther = (change: Partial<typeof tpm>) => activationStatement(nodeCrypto, { ...tpm, ...change }, at).statement;

  interface Said {
    readonly bytes?: Uint8Array;
    readonly tag?: string;
    readonly by?: TestCountersigner;
    readonly keyId?: string;
  }
  const cases: readonly (readonly [what: string, said: Said])[] = [
    ["good", {}],
    ["another endorsement key", { bytes: ofOther({ ekPublic: otherTpm.ekPublic }) }],
    ["another attestation key", { bytes: ofOther({ akPublic: otherTpm.akPublic }) }],
    ["the two keys swapped", { bytes: ofOther({ ekPublic: tpm.akPublic, akPublic: tpm.ekPublic }) }],
    ["another version", { bytes: canonicalBytes({ ...fields, v: 2 }) }],
    ["a further field", { bytes: canonicalBytes({ ...fields, more: 1 }) }],
    ["no time", { bytes: canonicalBytes({ ...fields, at: undefined }) }],
    ["no tag", { tag: "" }],
    ["another tag", { tag: tags.countersignature }],
    ["another coordinator's signature", { by: stranger }],
    ["a coordinator that is not known", { by: stranger, keyId: "key-2" }],
  ];
  return {
    about:
      '`signature`: Ed25519 over "darkbloom:tpm-activation:v1\\0" and `statement`, which is canonical JSON and names SHA-256 of both TPMT_PUBLIC. The two keys are those of the first TPM in tpm.json; only the key `key_id` is known. ' +
      "`status` is what the statement says of these keys: `unknown` where nobody's word is taken, else `pass` or `fail`.",
    private_keys: { coordinator: toHex(coordinator.privateBytes), stranger: toHex(stranger.privateBytes) },
    coordinator_public_key: toHex(coordinator.publicKey),
    key_id: keyId,
    ek_public: toBase64(tpm.ekPublic),
    ak_public: toBase64(tpm.akPublic),
    at: timeAt(at),
    cases: await Promise.all(
      cases.map(
        async ([what, { bytes = statement, tag = tags.tpmActivation, by = coordinator, keyId: named = keyId }]) => {
          const stated = { statement: bytes, signature: by.sign(concatBytes(utf8(tag), bytes)), keyId: named };
          return {
            what,
            status: await statedActivation(nodeCrypto, tpm, stated, new Map([[keyId, coordinator.publicKey]])),
            key_id: named,
            statement: toBase64(bytes),
            signature: toBase64(stated.signature),
          };
        },
      ),
    ),
  };
}

export function serialPseudonym() {
  const networks = ["network key", "another network key"].map(secretNamed);
  const serials = ["C02XK0AAJG5J", "C02XK0AAJG5K", "SW-0123456789AB", "Grüße 1"];
  return {
    about:
      'A machine\'s name where its serial is not disclosed: "PS-" and Crockford\'s base32 of the low five bits of the first 12 bytes of `mac`, which is HMAC-SHA-256 under the network\'s key over "darkbloom:serial:v1\\0" and the serial in UTF-8.',
    cases: networks.flatMap((key) => {
      const macs: string[] = [];
      const mac = (message: Uint8Array): Uint8Array => {
        const code = createHmac("sha256", key).update(message).digest();
        macs.push(code.toString("hex"));
        return code;
      };
      const names = serialNames({ mac }, "pseudonym");
      return serials.map((serial) => ({
        network_key: toHex(key),
        serial,
        pseudonym: names.of(serial).serial,
        mac: macs.at(-1),
      }));
    }),
  };
}

export function fileManifest() {
  // In the order of their bytes: a dash before a dot before a slash, capitals before small letters.
  const contents = [
    ["src/a/b.ts", "b\n"],
    ["src/a.ts", "a\n"],
    ["src/a-b.ts", ""],
    ["src/Z.ts", "Grüße"],
    ["model-00002-of-00002.gguf", "two"],
    ["model-00001-of-00002.gguf", "one"],
  ] as const;
  const files = contents.map(([name, text]) => ({ name, sha256: toHex(nodeCrypto.sha256(utf8(text))) }));
  return {
    about:
      "Several files as one hash, as in `code_sha256` and in `weights_sha256` of a model in parts: SHA-256 of what `sha256sum FILE… | LC_ALL=C sort -k 2` prints.",
    files: files.map(({ name, sha256 }, at) => ({ name, content: toBase64(utf8(contents[at]?.[1] ?? "")), sha256 })),
    manifest: manifestText(files),
    manifest_sha256: manifestSha256(files),
  };
}
