// A server of one meeting, as small as api/conclave.proto allows, for the test
// of the door. It speaks just enough protobuf.

const text = new TextEncoder();

function varint(n) {
  const out = [];
  let v = BigInt(n);
  while (v > 0x7fn) {
    out.push(Number(v & 0x7fn) | 0x80);
    v >>= 7n;
  }
  out.push(Number(v));
  return out;
}

/** Encodes [field, value] pairs: numbers, strings, bytes, and lists of pairs as messages. */
export function encode(fields) {
  const out = [];
  for (const [field, value] of fields) {
    if (typeof value === "number" || typeof value === "boolean") {
      out.push(...varint(field << 3), ...varint(Number(value)));
      continue;
    }
    const bytes = typeof value === "string" ? text.encode(value) : value instanceof Uint8Array ? value : encode(value);
    out.push(...varint((field << 3) | 2), ...varint(bytes.length), ...bytes);
  }
  return Uint8Array.from(out);
}

/** Decodes one message into a map of field number to the list of its values. */
export function decode(bytes) {
  const fields = new Map();
  let at = 0;
  const number = () => {
    let v = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const b = bytes[at++];
      v |= BigInt(b & 0x7f) << shift;
      if (b < 0x80) return Number(v);
    }
  };
  while (at < bytes.length) {
    const tag = number();
    let value = number();
    if ((tag & 7) === 2) {
      value = bytes.slice(at, at + value);
      at += value.length;
    }
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}

export class Relay {
  seats = [];
  events = 0;
  epoch = 0;

  /** Handles a frame of a client, which is any object with receive(frame). */
  handle(client, frame) {
    const f = decode(frame);
    const request = f.get(1)?.[0] ?? 0;
    const body = (n) => f.get(n)?.[0];
    const reply = (field, message) => client.receive(encode([[1, [[1, request], [field, message]]]]));
    const seat = this.seats.find((s) => s.client === client);
    if (body(2)) this.#join(client, decode(body(2)), reply);
    else if (body(3) !== undefined) this.#leave(seat);
    else if (body(4)) this.#commit(seat, decode(body(4)), reply);
    else if (body(5)) {
      this.#event(7, () => [[1, seat.id], [2, decode(body(5)).get(1)[0]]]);
      reply(4, [[1, this.epoch], [2, this.events]]);
    } else if (body(11) !== undefined) reply(6, []);
    else if (body(6)) reply(5, [[1, "answer"]]);
  }

  #event(field, message) {
    this.events++;
    for (const s of this.seats) s.client.receive(encode([[2, [[1, this.events], [field, message(s)]]]]));
  }

  #join(client, join, reply) {
    const seat = { id: this.seats.length + 1, client, announcement: join.get(3)[0] };
    const described = (s) => [[1, s.id], [2, s.announcement]];
    this.#event(2, () => [[1, described(seat)]]);
    this.seats.push(seat);
    reply(3, [
      [1, seat.id], [2, new Uint8Array(16)], ...this.seats.map((s) => [3, described(s)]),
      [4, this.epoch], [5, this.events], [6, 10000], [8, 50], [9, [[1, "stun:stun.example"]]],
    ]);
  }

  #leave(seat) {
    this.seats = this.seats.filter((s) => s !== seat);
    this.#event(5, () => [[1, seat.id]]);
  }

  #commit(seat, commit, reply) {
    if (commit.get(1)[0] !== this.epoch + 1) {
      reply(2, [[1, 7], [3, this.epoch]]);
      return;
    }
    this.epoch++;
    const sealed = new Map((commit.get(3) ?? []).map(decode).map((k) => [k.get(1)[0], k.get(2)[0]]));
    this.#event(6, (s) => [
      [1, this.epoch], [2, seat.id], [3, commit.get(2)[0]], ...(sealed.has(s.id) ? [[4, sealed.get(s.id)]] : []),
    ]);
    reply(4, [[1, this.epoch], [2, this.events]]);
  }

  /** Sends any ServerFrame to everybody. */
  say(fields) {
    for (const s of this.seats) s.client.receive(encode(fields));
  }
}
