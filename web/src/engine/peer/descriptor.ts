import { dependencyDescriptor } from "./browser.ts";

/**
 * The m-lines of a description on which the dependency descriptor is
 * negotiated, by mid: there the receiver's metadata names a layer.
 */
export function midsWithDescriptor(sdp: string): ReadonlySet<string> {
  const mids = new Set<string>();
  // Each section begins with its m-line; the first part is the session's.
  for (const section of sdp.split(/\r?\n(?=m=)/).slice(1)) {
    const mid = /^a=mid:(\S+)$/m.exec(section)?.[1];
    const lines = section.split(/\r?\n/);
    if (mid !== undefined && lines.some((line) => isExtension(line, dependencyDescriptor))) {
      mids.add(mid);
    }
  }
  return mids;
}

/** Reports whether line is `a=extmap:<id>[/<direction>] <uri>` (RFC 8285, Section 8). */
function isExtension(line: string, uri: string): boolean {
  const [name, value] = line.split(" ");
  return name !== undefined && name.startsWith("a=extmap:") && value === uri;
}
