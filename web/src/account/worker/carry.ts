import type { HostRequest, HostResponse } from "../bridge.d.ts";

/**
 * Carries a request of the Go side with fetch, to the server of this page only:
 * no redirects, no cookies, no cache, and no more of the answer than asked for.
 */
export async function carry(origin: string, request: HostRequest): Promise<HostResponse> {
  const address = new URL(request.path, origin);
  if (!request.path.startsWith("/") || address.origin !== origin) throw new TypeError("another server refused");
  const response = await fetch(address, {
    method: request.method,
    headers: { ...request.header },
    ...(request.body && { body: new Uint8Array(request.body) }),
    redirect: "error",
    credentials: "omit",
    cache: "no-store",
    referrerPolicy: "no-referrer",
  });
  const type = response.headers.get("content-type") ?? "";
  const body = await readUpTo(response.body, request.limit);
  return { status: response.status, type, body: body ?? new Uint8Array(), tooLarge: body === undefined };
}

/** Reads a stream up to a limit; undefined if there is more. */
async function readUpTo(
  stream: ReadableStream<Uint8Array> | null,
  limit: number,
): Promise<Uint8Array | undefined> {
  if (!stream) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      return undefined;
    }
    parts.push(value);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
