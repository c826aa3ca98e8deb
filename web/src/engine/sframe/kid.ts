/**
 * The key id of Conclave, docs/protocol.md section 4:
 *
 *     KID = context << 14 | sender index << 4 | epoch mod 16
 */

/** What a stream is; also the `kind` byte inside every sealed frame. */
export const contexts = { microphone: 0, camera: 1, screen: 2, data: 3, screenAudio: 4 } as const;

/** A context of docs/protocol.md section 4. */
export type Context = (typeof contexts)[keyof typeof contexts];

const known: ReadonlySet<number> = new Set(Object.values(contexts));

/** The parts of a KID. */
export interface KidParts {
  readonly context: Context;
  readonly index: number;
  readonly epochBits: number;
}

/** Takes a KID apart. Returns undefined for a context that does not exist. */
export function splitKid(kid: bigint): KidParts | undefined {
  if (kid >> 14n > 0xffn) {
    return undefined;
  }
  const context = Number(kid >> 14n);
  if (!isContext(context)) {
    return undefined;
  }
  return { context, index: Number((kid >> 4n) & 0x3ffn), epochBits: Number(kid & 0xfn) };
}

/** Reports whether value is a context of the protocol. */
export function isContext(value: number): value is Context {
  return known.has(value);
}

/** Reports whether a context is of sound, whose empty frames are passed as they are. */
export function isAudio(context: Context): boolean {
  return context === contexts.microphone || context === contexts.screenAudio;
}
