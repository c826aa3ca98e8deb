import type { CallState } from "../types.ts";

/** The entries of an RTCStatsReport that say how a connection does. */
interface ConnectionStats {
  readonly type: string;
  readonly packetsLost?: number;
  readonly packetsReceived?: number;
  readonly id?: string;
  readonly selectedCandidatePairId?: string;
  readonly nominated?: boolean;
  readonly currentRoundTripTime?: number;
  readonly fractionLost?: number;
}

/** How a connection does now. */
export interface Health {
  /** Whether both peer connections and the server's socket stand. */
  readonly connected: boolean;
  /** Part of the packets lost, from 0 to 1, the worse of both directions. */
  readonly loss: number;
  readonly roundTripMs: number;
  /** Whether the server holds pictures back for want of bandwidth. */
  readonly starved: boolean;
}

// Beyond the first pair people begin to notice, beyond the second it disturbs.
const fair = { loss: 0.03, roundTripMs: 300 } as const;
const poor = { loss: 0.1, roundTripMs: 700 } as const;

/** The word for a connection's health. */
export function qualityOf({ connected, loss, roundTripMs, starved }: Health): CallState["quality"] {
  if (!connected) {
    return "lost";
  }
  if (starved || loss > poor.loss || roundTripMs > poor.roundTripMs) {
    return "poor";
  }
  return loss > fair.loss || roundTripMs > fair.roundTripMs ? "fair" : "good";
}

/** Reads loss and round-trip time from reports, each time compared with the last. */
export class LossMeter {
  #lost = 0;
  #received = 0;

  /** What was lost on the way here since the last call, or on the way there, and the round-trip time. */
  read(receiving: Iterable<unknown>, sending: Iterable<unknown>): Pick<Health, "loss" | "roundTripMs"> {
    let [lost, received, back] = [0, 0, 0];
    const [inbound, outbound] = [
      [...(receiving as Iterable<ConnectionStats>)],
      [...(sending as Iterable<ConnectionStats>)],
    ];
    for (const { type, packetsLost = 0, packetsReceived = 0 } of inbound) {
      if (type === "inbound-rtp") {
        lost += packetsLost;
        received += packetsReceived;
      }
    }
    for (const { type, fractionLost = 0 } of outbound) {
      if (type === "remote-inbound-rtp") {
        back = Math.max(back, fractionLost);
      }
    }
    const roundTrip = Math.max(roundTripOf(inbound), roundTripOf(outbound));
    const [newlyLost, newlyReceived] = [lost - this.#lost, received - this.#received];
    [this.#lost, this.#received] = [lost, received];
    const all = newlyLost + newlyReceived;
    // Late packets make the count of lost ones fall.
    const forth = newlyLost > 0 && all > 0 ? newlyLost / all : 0;
    return { loss: Math.max(forth, back), roundTripMs: roundTrip * 1000 };
  }
}

/** The round-trip time of the path in use, in seconds. Paths of before an ICE restart stay in the report. */
function roundTripOf(report: readonly ConnectionStats[]): number {
  const selected = report.find(({ type }) => type === "transport")?.selectedCandidatePairId;
  const times = report
    .filter(({ type, id, nominated }) =>
      selected === undefined ? type === "candidate-pair" && nominated === true : id === selected,
    )
    .map(({ currentRoundTripTime = 0 }) => currentRoundTripTime);
  return times.length === 0 ? 0 : Math.min(...times);
}
