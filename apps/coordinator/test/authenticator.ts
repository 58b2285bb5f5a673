import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** What a device says wrongly, to see it refused. */
export interface Wrong {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly userHandle?: string;
  readonly isUnverified?: boolean;
  readonly counter?: number;
  readonly type?: string;
}

const sha256 = (bytes: string | Buffer): Buffer => createHash("sha256").update(bytes).digest();
const text = (bytes: Buffer): string => bytes.toString("base64url");

/** A device with one passkey (WebAuthn §6.1, §6.5), in software. */
export class Authenticator {
  readonly #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  readonly #id = randomBytes(32);
  readonly #site: { readonly origin: string; readonly rpId: string };
  #userHandle = "";
  counter = 0;

  constructor(origin: string, rpId: string) {
    this.#site = { origin, rpId };
  }

  /** @param options as `PublicKeyCredentialCreationOptionsJSON` */
  create(options: { readonly challenge: string; readonly user: { readonly id: string } }, wrong: Wrong = {}): object {
    this.#userHandle = options.user.id;
    const { x = "", y = "" } = this.#keys.publicKey.export({ format: "jwk" });
    // COSE: EC2, ES256, P-256.
    const key = Buffer.concat([
      Buffer.from("a5010203262001215820", "hex"),
      Buffer.from(x, "base64url"),
      Buffer.from("225820", "hex"),
      Buffer.from(y, "base64url"),
    ]);
    const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, this.#id.length]), this.#id, key]);
    const data = Buffer.concat([this.#data(0x41, wrong), attested]);
    const attestationObject = Buffer.concat([
      Buffer.from("a363666d74646e6f6e656761747453746d74a068617574684461746159", "hex"),
      Buffer.from([data.length >> 8, data.length & 255]),
      data,
    ]);
    const clientDataJSON = text(this.#client("webauthn.create", options.challenge, wrong));
    return this.#credential({ clientDataJSON, attestationObject: text(attestationObject) });
  }

  /** @param options as `PublicKeyCredentialRequestOptionsJSON` */
  get(options: { readonly challenge: string }, wrong: Wrong = {}): object {
    const data = this.#data(0x01, wrong);
    const client = this.#client("webauthn.get", options.challenge, wrong);
    const signature = sign("sha256", Buffer.concat([data, sha256(client)]), this.#keys.privateKey);
    return this.#credential({
      clientDataJSON: text(client),
      authenticatorData: text(data),
      signature: text(signature),
      userHandle: wrong.userHandle ?? this.#userHandle,
    });
  }

  #credential(response: object): object {
    const id = text(this.#id);
    return { id, rawId: id, type: "public-key", clientExtensionResults: {}, response };
  }

  #data(flags: number, { rpId = this.#site.rpId, isUnverified = false, counter = this.counter }: Wrong): Buffer {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    return Buffer.concat([sha256(rpId), Buffer.from([isUnverified ? flags : flags | 0x04]), count]);
  }

  #client(type: string, challenge: string, wrong: Wrong): Buffer {
    const { origin = this.#site.origin } = wrong;
    return Buffer.from(
      JSON.stringify({ type: wrong.type ?? type, challenge: wrong.challenge ?? challenge, origin, crossOrigin: false }),
    );
  }
}
