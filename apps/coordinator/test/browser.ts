/** A browser's form, sent by a page of `origin`. */
export const formOf = (
  origin: string,
  fields: Record<string, string>,
  more: Record<string, string> = {},
): RequestInit => ({
  method: "POST",
  redirect: "manual",
  headers: { "content-type": "application/x-www-form-urlencoded", origin, ...more },
  body: new URLSearchParams(fields).toString(),
});

/** What a browser would send back of an answer's cookies. */
export const cookiesOf = (response: Response): string =>
  response.headers
    .getSetCookie()
    .filter((cookie) => !/Max-Age=0/.test(cookie))
    .map((cookie) => cookie.split(";")[0])
    .join("; ");
