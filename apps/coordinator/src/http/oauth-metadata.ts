import * as z from "zod";
import { ownOrigin } from "./credentials.ts";
import { DEVICE_CODE_PATH, DEVICE_GRANT, DEVICE_TOKEN_PATH } from "./device.ts";
import type { Door, Route } from "./door.ts";

const metadata = z.object({
  issuer: z.string(),
  device_authorization_endpoint: z.string(),
  token_endpoint: z.string(),
  grant_types_supported: z.array(z.literal(DEVICE_GRANT)),
  response_types_supported: z.array(z.string()).describe("None: nothing is authorized by a redirect"),
  token_endpoint_auth_methods_supported: z.array(z.literal("none")),
});

/** `GET /.well-known/oauth-authorization-server` (RFC 8414): by it a client of the device grant finds its way from the URL alone. */
export const showOAuthMetadata = ({ deps }: Door): Route => ({
  schema: {
    summary: "Where a program asks to be let in (RFC 8414), for clients of RFC 8628",
    tags: ["sign-in"],
    response: { 200: metadata },
  },
  config: { access: "open", limit: "rate" },
  handler: async ({ raw }): Promise<z.infer<typeof metadata>> => {
    const issuer = ownOrigin(raw, deps.settings.trustProxy);
    return {
      issuer,
      device_authorization_endpoint: issuer + DEVICE_CODE_PATH,
      token_endpoint: issuer + DEVICE_TOKEN_PATH,
      grant_types_supported: [DEVICE_GRANT],
      response_types_supported: [],
      token_endpoint_auth_methods_supported: ["none"],
    };
  },
});
