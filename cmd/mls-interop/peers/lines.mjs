// JSON lines on standard input and output: what every peer has in common.
import { createInterface } from "node:readline";

/** What a peer throws for a request that its library has no way to carry out. */
export class Unsupported extends Error {
  name = "Unsupported";
}

export const fromBase64 = (text) => new Uint8Array(Buffer.from(text ?? "", "base64"));
export const toBase64 = (bytes) => Buffer.from(bytes).toString("base64");

/**
 * Answers the requests on standard input one after another, in order, until it
 * ends. ops has one function for each name of a request.
 */
export async function serve(ops) {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      const op = Object.hasOwn(ops, request.op) ? ops[request.op] : undefined;
      if (op === undefined) throw new Unsupported(`no request named ${request.op}`);
      answer = { id: request.id, ...(await op(request)) };
    } catch (e) {
      answer = { id: request.id, error: e.name ?? "Error", message: String(e.message ?? e) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
