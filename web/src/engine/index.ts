import { Call } from "./call.ts";
import { SessionClient } from "./session-client.ts";
import type { CreateEngine, NewLink } from "./types.ts";

/** A started session worker that the next caller may have: making a link is followed by joining. */
let spare: Promise<SessionClient> | undefined;

function session(): Promise<SessionClient> {
  const taken = spare ?? SessionClient.start();
  spare = undefined;
  return taken;
}

/** Makes a new meeting link on this device; nothing is sent. Rejects with an EngineError. */
export const newLink: NewLink = async () => {
  const client = await session();
  const { url } = await client.newLink(location.origin);
  spare ??= Promise.resolve(client);
  return url;
};

/** Makes the engine of one call. Rejects with an EngineError, `link-wrong` for a link that is not whole. */
export const createEngine: CreateEngine = async (options) => {
  const client = await session();
  try {
    // A query chooses a codec for tests; it is no part of the link.
    const address = new URL(options.url);
    address.search = "";
    const { url } = await client.parseLink(address.href);
    return new Call(client, { ...options, url });
  } catch (error) {
    spare ??= Promise.resolve(client);
    throw error;
  }
};
