import { type Batch, maxVersion, readBatch } from "./map.ts";
import { malformed, Reader } from "./reader.ts";

export interface Epoch {
  index: bigint;
  time: bigint;
  mapRoot: Uint8Array;
}

export function parseEpoch(bytes: Uint8Array): Epoch {
  const r = new Reader(bytes);
  if (r.uint(2) !== 1) {
    malformed("an epoch of another format");
  }
  const [index, time] = [r.uint64(), r.uint64()];
  r.uint64();
  const mapRoot = r.fixed(32);
  r.fixed(32);
  r.vector(1024);
  r.done();
  return { index, time, mapRoot };
}

/** What all answers begin with. */
export interface Header {
  checkpoint: Uint8Array;
  epoch: Uint8Array;
  inclusion: Uint8Array[];
  consistency: Uint8Array[];
}

function readHeader(r: Reader): Header {
  return {
    checkpoint: r.vector(16 << 10),
    epoch: r.vector(2 << 10),
    inclusion: r.list(32, 64),
    consistency: r.list(32, 128),
  };
}

export interface LookupRequest {
  kind: number;
  name: Uint8Array;
  known: bigint;
  sincePlusOne: number;
  cached: number[];
}

function readVersions(r: Reader): number[] {
  return r.list(4, 64).map((b) => new Reader(b).uint(4));
}

export function parseLookupRequest(bytes: Uint8Array): LookupRequest {
  const r = new Reader(bytes);
  const q = {
    kind: r.uint(1),
    name: r.vector(256),
    known: r.uint64(),
    sincePlusOne: r.uint(4),
    cached: readVersions(r),
  };
  r.done();
  return q;
}

interface Binding {
  vrf: Uint8Array;
  opening: Uint8Array;
  user: Uint8Array;
}

export interface LookupResponse {
  header: Header;
  handle: Binding | undefined;
  found: boolean;
  user: Uint8Array;
  version: number;
  vrfs: Uint8Array[];
  proof: Batch;
  opening: Uint8Array;
  records: Uint8Array[];
}

export function parseLookupResponse(bytes: Uint8Array): LookupResponse {
  if (bytes.length > 8 << 20) {
    malformed("a longer answer than there is");
  }
  const r = new Reader(bytes);
  const header = readHeader(r);
  const binding = r.list(128, 1)[0];
  const h = binding && new Reader(binding);
  const handle = h && { vrf: h.fixed(80), opening: h.fixed(32), user: h.fixed(16) };
  const [found, user, version, vrfs] = [r.flag(), r.fixed(16), r.uint(4), r.list(80, 64)];
  const [proof, opening] = [readBatch(r), r.fixed(32)];
  const list = new Reader(r.vector((8 << 20) - (64 << 10)));
  const records: Uint8Array[] = [];
  while (list.left > 0) {
    if (records.push(list.vector(64 << 10)) > 1024) {
      malformed("too many records");
    }
  }
  r.done();
  if (version > maxVersion) {
    malformed("a version above the greatest");
  }
  return { header, handle, found, user, version, vrfs, proof, opening, records };
}

export interface MonitorRequest {
  user: Uint8Array;
  after: bigint;
  version: number;
  owner: boolean;
  most: number;
  cached: number[];
}

export function parseMonitorRequest(bytes: Uint8Array): MonitorRequest {
  const r = new Reader(bytes);
  const user = r.fixed(16);
  r.uint64();
  const q = {
    user,
    after: r.uint64(),
    version: r.uint(4),
    owner: r.flag(),
    most: r.uint(1),
    cached: readVersions(r),
  };
  r.done();
  return q;
}

export interface Checked {
  before: Uint8Array;
  beforeInclusion: Uint8Array[];
  epoch: Uint8Array;
  inclusion: Uint8Array[];
  version: number;
  proof: Batch;
}

export interface MonitorResponse {
  header: Header;
  vrfs: Uint8Array[];
  epochs: Checked[];
}

export function parseMonitorResponse(bytes: Uint8Array): MonitorResponse {
  const r = new Reader(bytes);
  const [header, vrfs] = [readHeader(r), r.list(80, 64 * 64)];
  const list = new Reader(r.vector((8 << 20) - (64 << 10)));
  r.done();
  const epochs: Checked[] = [];
  while (list.left > 0) {
    const c = {
      before: list.vector(2 << 10),
      beforeInclusion: list.list(32, 64),
      epoch: list.vector(2 << 10),
      inclusion: list.list(32, 64),
      version: list.uint(4),
      proof: readBatch(list),
    };
    if (epochs.push(c) > 64 || c.version > maxVersion) {
      malformed("too many epochs, or a version above the greatest");
    }
  }
  return { header, vrfs, epochs };
}
