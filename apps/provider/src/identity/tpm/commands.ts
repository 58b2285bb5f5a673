import { joinBytes, concatBytes, u32be } from "@darkbloom/protocol/bytes";
import type { TpmCredential } from "@darkbloom/protocol/evidence";
import {
  pcrSelection,
  readP256Signature,
  readPcrSelections,
  sized,
  tpmAlgorithm,
  u16be,
  u16s,
  type TpmP256Signature,
  type TpmReader,
} from "@darkbloom/protocol/tpm";
import { TpmError } from "./tpm-error.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** TPM_HANDLE, Part 2, 7. */
export const handles = { owner: 0x4000_0001, nothing: 0x4000_0007, endorsement: 0x4000_000b } as const;
/** TPM_RS_PW: the authorization is a password; all of ours are empty. */
const PASSWORD_SESSION = 0x4000_0009;

const NO_SESSIONS = 0x8001;
const SESSIONS = 0x8002;
const NOTHING = new Uint8Array(0);

/** A command as it is sent, and how its response is read. */
export interface TpmCommand<Answer> {
  readonly bytes: Bytes;
  readonly sessions: number;
  readonly hasHandle: boolean;
  /** @param handle what the response begins with; 0 where it has none */
  readonly read: (parameters: TpmReader, handle: number) => Answer;
}

/** How a command proves that it may use a handle: an empty password, or the policy session of this handle. */
type Authorization = "password" | number;

function command<Answer>(spec: {
  readonly code: number;
  readonly handles?: readonly number[];
  readonly authorizations?: readonly Authorization[];
  readonly parameters?: Uint8Array;
  readonly hasHandle?: boolean;
  readonly read: (parameters: TpmReader, handle: number) => Answer;
}): TpmCommand<Answer> {
  const { authorizations = [], parameters = NOTHING } = spec;
  const sessions = joinBytes(authorizations.map(authorization));
  const body = joinBytes([
    ...(spec.handles ?? []).map(u32be),
    ...(authorizations.length > 0 ? [u32be(sessions.length), sessions] : []),
    parameters,
  ]);
  const tag = authorizations.length > 0 ? SESSIONS : NO_SESSIONS;
  return {
    bytes: concatBytes(u16be(tag), u32be(10 + body.length), u32be(spec.code), body),
    sessions: authorizations.length,
    hasHandle: spec.hasHandle === true,
    read: spec.read,
  };
}

/** TPMS_AUTH_COMMAND: no nonce, the session goes on, and no secret to make an HMAC with. */
const authorization = (how: Authorization): Bytes =>
  concatBytes(u32be(how === "password" ? PASSWORD_SESSION : how), sized(NOTHING), Uint8Array.of(1), sized(NOTHING));

/** TPM2B_SENSITIVE_CREATE without a password, no outside information, no PCRs. */
const createParameters = (template: Uint8Array): Bytes =>
  concatBytes(sized(concatBytes(sized(NOTHING), sized(NOTHING))), sized(template), sized(NOTHING), u32be(0));

const skipCreation = (from: TpmReader): void => {
  from.sized(); // creation data
  from.sized(); // its hash
  skipTicket(from);
};
const skipTicket = (from: TpmReader): void => {
  from.u16();
  from.u32();
  from.sized();
};

/** Part 3, 24.1. @param template a whole TPMT_PUBLIC */
export const createPrimary = (hierarchy: number, template: Uint8Array) =>
  command({
    code: 0x131,
    handles: [hierarchy],
    authorizations: ["password"],
    parameters: createParameters(template),
    hasHandle: true,
    read: (from, handle) => {
      const publicArea = from.sized();
      skipCreation(from);
      from.sized(); // name
      return { handle, publicArea };
    },
  });

/** A key that only its parent can load: TPMT_PUBLIC, and the secret wrapped by the parent. */
export interface WrappedKey {
  readonly publicArea: Uint8Array;
  readonly privateArea: Uint8Array;
}

/** Part 3, 12.1 */
export const create = (parent: number, template: Uint8Array) =>
  command({
    code: 0x153,
    handles: [parent],
    authorizations: ["password"],
    parameters: createParameters(template),
    read: (from): WrappedKey => {
      const privateArea = from.sized();
      const publicArea = from.sized();
      skipCreation(from);
      return { publicArea, privateArea };
    },
  });

/** Part 3, 12.2 */
export const load = (parent: number, { publicArea, privateArea }: WrappedKey) =>
  command({
    code: 0x157,
    handles: [parent],
    authorizations: ["password"],
    parameters: concatBytes(sized(privateArea), sized(publicArea)),
    hasHandle: true,
    read: (from, handle) => ({ handle, name: from.sized() }),
  });

/** Part 3, 12.4 */
export const readPublic = (handle: number) =>
  command({
    code: 0x173,
    handles: [handle],
    read: (from) => ({ publicArea: from.sized(), name: from.sized(), qualifiedName: from.sized() }),
  });

/** Part 3, 28.4. The handle is a parameter here. */
export const flushContext = (handle: number) =>
  command({ code: 0x165, parameters: u32be(handle), read: () => undefined });

/** TPMT_TK_HASHCHECK that says nothing: the digest was made outside. */
const noTicket = concatBytes(u16be(0x8024), u32be(handles.nothing), sized(NOTHING));
/** The key's own scheme. */
const keyScheme = u16be(tpmAlgorithm.none);

/** Part 3, 20.2. @param digest SHA-256 */
export const sign = (key: number, digest: Uint8Array) =>
  command({
    code: 0x15d,
    handles: [key],
    authorizations: ["password"],
    parameters: concatBytes(sized(digest), keyScheme, noTicket),
    read: readP256Signature,
  });

/** What a TPM says of itself, TPMS_ATTEST, and the attestation key's signature over it, both in their exact bytes. */
interface Attested {
  readonly attest: Bytes;
  readonly signature: TpmP256Signature;
}
const readAttested = (from: TpmReader): Attested => ({ attest: from.sized(), signature: readP256Signature(from) });

/** Part 3, 18.2 */
export const certify = (key: number, attestationKey: number, qualifyingData: Uint8Array) =>
  command({
    code: 0x148,
    handles: [key, attestationKey],
    authorizations: ["password", "password"],
    parameters: concatBytes(sized(qualifyingData), keyScheme),
    read: readAttested,
  });

/** Part 3, 18.4. PCRs of the SHA-256 bank. */
export const quote = (attestationKey: number, qualifyingData: Uint8Array, pcrs: readonly number[]) =>
  command({
    code: 0x158,
    handles: [attestationKey],
    authorizations: ["password"],
    parameters: concatBytes(sized(qualifyingData), keyScheme, pcrSelection(pcrs)),
    read: readAttested,
  });

/** Part 3, 22.4. Answers as many of them as fit, at most eight. */
export const pcrRead = (pcrs: readonly number[]) =>
  command({
    code: 0x17e,
    parameters: pcrSelection(pcrs),
    read: (from) => {
      from.u32(); // how often any PCR has changed
      const indices = readPcrSelections(from)
        .filter(({ hash }) => hash === tpmAlgorithm.sha256)
        .flatMap(({ indexes }) => indexes);
      const digests = from.list(2, (list) => list.sized());
      if (digests.length !== indices.length) throw new TpmError("malformed");
      return digests.map((sha256, at) => ({ index: indices[at] ?? 0, sha256 }));
    },
  });

/** Part 3, 11.1: a policy session, neither salted nor bound. @param nonce at least 16 bytes */
export const startPolicySession = (nonce: Uint8Array) =>
  command({
    code: 0x176,
    handles: [handles.nothing, handles.nothing],
    parameters: concatBytes(
      sized(nonce),
      sized(NOTHING),
      Uint8Array.of(1),
      u16s(tpmAlgorithm.none, tpmAlgorithm.sha256),
    ),
    hasHandle: true,
    read: (from, handle) => {
      from.sized(); // the TPM's nonce
      return { handle };
    },
  });

/** Part 3, 23.4: the session's user knows the endorsement hierarchy's password, which is empty. */
export const policySecretOfEndorsement = (session: number) =>
  command({
    code: 0x151,
    handles: [handles.endorsement, session],
    authorizations: ["password"],
    parameters: concatBytes(sized(NOTHING), sized(NOTHING), sized(NOTHING), u32be(0)),
    read: (from) => {
      from.sized(); // timeout
      skipTicket(from);
    },
  });

/** Part 3, 12.5. The endorsement key opens only to a session that has fulfilled its policy. */
export const activateCredential = (
  attestationKey: number,
  endorsementKey: number,
  session: number,
  { idObject, encSecret }: TpmCredential,
) =>
  command({
    code: 0x147,
    handles: [attestationKey, endorsementKey],
    authorizations: ["password", session],
    parameters: concatBytes(sized(idObject), sized(encSecret)),
    read: (from) => from.sized(),
  });

/** Part 3, 31.6 */
export const nvReadPublic = (index: number) =>
  command({
    code: 0x169,
    handles: [index],
    read: (from) => {
      from.u16(); // length of what follows up to the name
      const described = { index: from.u32(), nameAlgorithm: from.u16(), attributes: from.u32() };
      from.sized(); // policy
      const size = from.u16();
      from.sized(); // name
      return { attributes: described.attributes, size };
    },
  });

/** Part 3, 31.13. @param authorizedBy the index itself, or the hierarchy that may read it */
export const nvRead = (authorizedBy: number, index: number, size: number, offset: number) =>
  command({
    code: 0x14e,
    handles: [authorizedBy, index],
    authorizations: ["password"],
    parameters: u16s(size, offset),
    read: (from) => from.sized(),
  });

const CAPABILITY_HANDLES = 1;
const CAPABILITY_PROPERTIES = 6;

const capability = <Item>(
  which: number,
  first: number,
  count: number,
  itemBytes: number,
  read: (from: TpmReader) => Item,
) =>
  command({
    code: 0x17a,
    parameters: concatBytes(u32be(which), u32be(first), u32be(count)),
    read: (from) => {
      from.u8(); // whether there is more
      if (from.u32() !== which) throw new TpmError("malformed");
      return from.list(itemBytes, read);
    },
  });

/** Part 3, 30.2: handles that exist, from the first on, of its kind, ascending. */
export const handlesFrom = (first: number, count: number) =>
  capability(CAPABILITY_HANDLES, first, count, 4, (from) => from.u32());

/** Part 3, 30.2: TPMS_TAGGED_PROPERTY, from the first on. */
export const propertiesFrom = (first: number, count: number) =>
  capability(CAPABILITY_PROPERTIES, first, count, 8, (from) => ({ property: from.u32(), value: from.u32() }));
