/**
 * What the page reads of the API's documents; `/openapi.json` has all of them.
 * @module
 */

/**
 * @typedef {{switch: string, port: number}} End
 * @typedef {{source: End, destination: End}} Link
 * @typedef {{code: string, message: string, switch?: string | null, port?: number | null,
 *   address?: string | null, field?: string | null, entry?: string | null}} Reason
 * @typedef {{state: string, reasons: Reason[], since: string | null}} IntentStatus
 * @typedef {{kind: string, tenant: string, name: string, labels?: Record<string, string>,
 *   annotations?: Record<string, string>, spec: unknown,
 *   metadata: {resourceVersion: string, generation: number, created: string, owners: string[]},
 *   status: IntentStatus}} Intent
 * @typedef {{name: string, role: string, tenant: string | null, source: string}} Principal
 * @typedef {{name: string, deviceId: number, role: string, target: string, address: string,
 *   ports: number[] | null, portsUnread: string | null, connected: boolean, state: string,
 *   held: string | null, inSync: boolean, entriesDesired: number, entriesInstalled: number,
 *   entriesRefused: number, failures: Reason[], unknown: string[]}} Switch
 * @typedef {{name: string, counters: Record<string, number>}} PortQueue
 * @typedef {{switch: string, port: number, interface: string | null, up: boolean | null, peer: End | null,
 *   networks: string[], counters: Record<string, number>, rates: Record<string, number> | null,
 *   queues: PortQueue[]}} Port
 * @typedef {{mac: string, tenant: string, network: string, switch: string, port: number,
 *   addresses: string[]}} Host
 * @typedef {{severity: string, problem: string, about: string, text: string, switches: string[],
 *   byDesign: boolean}} Finding
 * @typedef {{name: string, severity: string, connected: boolean, since: string, declaredGone: boolean,
 *   linksExpected: number, linksFound: number}} SwitchStatus
 * @typedef {{severity: string, findings: Finding[], moreFindings: number, switches: SwitchStatus[],
 *   linksExpected: number, linksFound: number, linksMissing?: Link[], intentsRefused: number,
 *   storeWritable: boolean}} FabricStatus
 * @typedef {{switch: string, port: number, direction: string, reason: string, packets: number,
 *   packetsPerSecond: number | null, aboveThreshold: boolean}} Drop
 * @typedef {{drops: Drop[], readAt: Record<string, string | null>}} Drops
 * @typedef {{protocol: string, source: string | null, destination: string | null, sourcePort: number,
 *   destinationPort: number, reports: number}} EpisodeFlow
 * @typedef {{number: number, switch: string, port: number, queue: number, startedAt: string,
 *   lastReportAt: string, endedAt: string | null, active: boolean, durationSeconds: number, depth: number,
 *   delayUs: number, peakDepth: number, peakDelayUs: number, reports: number,
 *   flows: EpisodeFlow[]}} Episode
 * @typedef {{type: string, time?: string} & Record<string, any>} FabricEvent
 */

export {};
