import type { KeyMessage, Lease } from "../media-worker/messages.ts";
import { type Context, contexts } from "../sframe/kid.ts";
import { plainKey } from "./keys.ts";

/** The KID of docs/protocol.md section 4. */
export function kid(context: Context, index: number, epoch: number): bigint {
  return (BigInt(context) << 14n) | (BigInt(index) << 4n) | BigInt(epoch % 16);
}

/** The keys of an epoch as the session worker posts them; all of one epoch share their bytes. */
export async function epochMessage(
  epoch: number,
  options: {
    self?: number;
    members?: readonly number[];
    lease?: Lease;
    floor?: bigint;
    joined?: boolean;
  } = {},
): Promise<Extract<KeyMessage, { kind: "epoch" }>> {
  const {
    self = 1,
    members = [1, 2],
    lease = { next: 0n, end: 1n << 20n },
    floor = 0n,
    joined = false,
  } = options;
  const all: Context[] = [contexts.microphone, contexts.camera, contexts.screen, contexts.screenAudio];
  const send = await Promise.all(
    all.map(async (context) => ({
      context,
      lease,
      ...(await plainKey(kid(context, self, epoch), epoch % 250)),
    })),
  );
  const receive = await Promise.all(
    members.flatMap((index) =>
      all.map(async (context) => ({ floor, ...(await plainKey(kid(context, index, epoch), epoch % 250)) })),
    ),
  );
  return { kind: "epoch", epoch, send, receive, previousForMs: 10_000, joined };
}
