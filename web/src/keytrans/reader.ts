/*
 * A second verifier of the key directory, for tests alone: it and core/keytrans
 * must agree on every answer. It is written from the formats in docs/protocol.md,
 * not from the Go code, and imported by nothing that is shipped.
 */

/** An answer that is refused: the id of the message, and the attack. */
export class Refusal extends Error {
  readonly id: string;
  readonly attack: string;

  constructor(id: string, attack: string, detail: string) {
    super(detail);
    this.id = id;
    this.attack = attack;
  }
}

/** Throws that an answer is malformed. */
export function malformed(detail: string): never {
  throw new Refusal("proof", "MS-42", detail);
}

/** Throws that a proof is wrong. */
export function wrong(detail: string, attack = "MS-05"): never {
  throw new Refusal("proof", attack, detail);
}

/**
 * Takes values of the TLS presentation language from the front of bytes, with
 * the vectors of RFC 9420, Section 2.1.2. Throws a Refusal at the first fault.
 */
export class Reader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  fixed(n: number): Uint8Array {
    if (n > this.left) {
      malformed("the input is too short");
    }
    this.at += n;
    return this.bytes.slice(this.at - n, this.at);
  }

  /** An unsigned integer of at most 6 bytes. */
  uint(size: number): number {
    let v = 0;
    for (const b of this.fixed(size)) {
      v = v * 256 + b;
    }
    return v;
  }

  uint64(): bigint {
    let v = 0n;
    for (const b of this.fixed(8)) {
      v = (v << 8n) | BigInt(b);
    }
    return v;
  }

  flag(): boolean {
    const v = this.uint(1);
    if (v > 1) {
      malformed("a flag is neither 0 nor 1");
    }
    return v === 1;
  }

  vector(most: number): Uint8Array {
    const first = this.uint(1);
    const size = [0, 1, 3][first >> 6] ?? malformed("a length begins with 11");
    const n = (first & 0x3f) * 256 ** size + this.uint(size);
    if ((size === 1 && n < 64) || (size === 3 && n < 16384)) {
      malformed("a length is not in its shortest form");
    }
    if (n > most) {
      malformed("a vector is too long");
    }
    return this.fixed(n);
  }

  /** A vector of at most most elements of size bytes. */
  list(size: number, most: number): Uint8Array[] {
    const r = new Reader(this.vector(size * most));
    if (r.left % size !== 0) {
      malformed("a list ends within an element");
    }
    const out: Uint8Array[] = [];
    while (r.left > 0) {
      out.push(r.fixed(size));
    }
    return out;
  }

  done(): void {
    if (this.left > 0) {
      malformed("bytes after the end");
    }
  }
}
