import { expect, it } from "vitest";
import { CONNECTIONS_MAX, connectionBounds, HTTP_CONNECTIONS_MAX, NEWCOMERS_MAX } from "./descriptors.ts";

/** Goal: all kinds together never need more than there is. Method: every limit that a system may have. */
it("leaves descriptors for the database and the admin socket, whatever the limit", () => {
  for (const limit of [160, 256, 512, 1_024, 4_096, 65_536, 1_048_576]) {
    const bounds = connectionBounds(limit);
    if (!bounds) return expect.unreachable();
    expect(bounds.http + bounds.providers + bounds.newcomers).toBeLessThanOrEqual(limit - 96);
    expect(Math.min(...Object.values(bounds))).toBeGreaterThan(0);
  }
  expect(connectionBounds(1_024)).toEqual({ http: 632, providers: 232, newcomers: 64 });
});

it("takes no more than its own bounds where the limit is large or unknown, and refuses one that is too small", () => {
  const most = { http: HTTP_CONNECTIONS_MAX, providers: CONNECTIONS_MAX, newcomers: NEWCOMERS_MAX };
  expect(connectionBounds(1_048_576)).toEqual(most);
  expect(connectionBounds(undefined)).toEqual(most);
  expect(connectionBounds(100)).toBeUndefined();
});
