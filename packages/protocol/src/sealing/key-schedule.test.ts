import { expect, it } from "vitest";
import { nodeHpke } from "../node/index.ts";
import { nodeKems } from "../node/hpke.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { suites } from "../wire/registration.ts";
import { hpkeOn } from "./key-schedule.ts";

/** Goal: who has only one suite says so and computes no other. Method: an HPKE without X-Wing. */
it("computes the suites that it has, and says of another that it is none", () => {
  const [missing, has] = suites;
  const hpke = hpkeOn({ ...nodeHpke, sha256: (bytes) => nodeCrypto.sha256(bytes) }, { [has]: nodeKems[has] });
  expect(hpke.suites).toEqual([has]);
  const key = hpke.generateKey(has, 0);
  const info = new Uint8Array(0);
  const sealed = hpke.sealContext(has, key.publicKey, info);
  expect(key.openContext(sealed.enc, info).export(info, 32)).toEqual(sealed.export(info, 32));
  const refused = expect.objectContaining({ message: "this suite cannot be computed here" }) as RangeError;
  expect(() => hpke.generateKey(missing, 0)).toThrow(refused);
  expect(() => hpke.sealContext(missing, nodeHpke.generateKey(missing, 0).publicKey, info)).toThrow(RangeError);
});
