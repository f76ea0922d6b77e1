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
 * @typedef {{protocol: string, source: string | null, destination: string | null, sourcePort: number,
 *   destinationPort: number, vlan: number, tenant: string | null, sourceName: string | null,
 *   destinationName: string | null, intents: {kind: string, tenant: string, name: string}[]}} NamedFlow
 * @typedef {NamedFlow & {role: string, bytes: number, share: number, maxWaitUs: number, drops: number,
 *   reports: number}} IncidentFlow
 * @typedef {{switch: string | null, port: number | null, priority: number | null, root: boolean,
 *   beganAt: string, endedAt: string, durationSeconds: number, clockErrorSeconds: number | null,
 *   peakDepth: number, peakDepthAt: string, peakWaitUs: number, peakWaitAt: string, drops: number | null, dropsUnknown: string | null,
 *   bins: number, lateBins: number, reports: number, unreported: number, culprits: IncidentFlow[],
 *   victims: IncidentFlow[], participants: IncidentFlow[], reportsOfOtherFlows: number,
 *   others: {flows: number, bytes: number, share: number, drops: number} | null}} IncidentQueue
 * @typedef {{number: number, active: boolean, summary: string, beganAt: string, endedAt: string,
 *   durationSeconds: number, clockErrorSeconds: number | null, drops: number | null, dropsUnknown: string | null, complete: boolean,
 *   reportsLost: Record<string, number>, reportsLostElsewhere: number, mergedInto: number | null,
 *   queues: IncidentQueue[]}} Incident
 * @typedef {{switch: string | null, ingressPort: number | null, egressPort: number | null}} FlowStep
 * @typedef {FlowStep & {latencyUs: number, priority: number | null, depth: number | null, leftAt: string,
 *   switchLeftNs: number, clockErrorSeconds: number | null, untold: number, translated: boolean,
 *   tunnelled: boolean}} FlowHop
 * @typedef {NamedFlow & {number: number, active: boolean, complete: boolean, summary: string,
 *   latencyUs: number, hops: FlowHop[], before: FlowStep[], ways: number, firstSeenAt: string,
 *   changedAt: string, lastSeenAt: string,
 *   watches: {kind: string, tenant: string, name: string}[]}} FlowPath
 * @typedef {{switch: string, port: number, priority: number}} QueueRef
 * @typedef {QueueRef & {cut: boolean, startNs: number[], maxDepth: number[], maxWaitUs: number[],
 *   packets: number[], bytes: number[], drops: number[], late: boolean[]}} Film
 * @typedef {{number: number, beginsAt: string, films: Film[]}} IncidentFilm
 * @typedef {QueueRef & {beginsAt: string, endsAt: string, stepSeconds: number, known: string[],
 *   minDepth: (number | null)[], maxDepth: (number | null)[], maxWaitUs: (number | null)[],
 *   packets: (number | null)[], bytes: (number | null)[], drops: (number | null)[], late: boolean[],
 *   clockErrorSeconds: number | null, reportsLost: number, notes: string[]}} Series
 * @typedef {NamedFlow & {incidents: number, bytes: number, maxShare: number, maxWaitUs: number,
 *   drops: number}} TopFlow
 * @typedef {QueueRef & {incidents: number, congestedSeconds: number, peakDepth: number,
 *   peakWaitUs: number, drops: number | null}} TopQueue
 * @typedef {QueueRef & {lastSecond: {beginsAt: string, knownMilliseconds: number, p99WaitUs: number,
 *   maxDepth: number, drops: number} | null}} WatchedQueue
 * @typedef {{switch: string, heardAt: string | null, datagrams: number, lost: number, late: number,
 *   reports: number, skipped: number, lagSeconds: number | null, clockErrorSeconds: number | null,
 *   queues: number, binsProblem: string | null}} SwitchTelemetry
 * @typedef {{listen: string | null, reason: string | null, refused: Record<string, number>,
 *   socketLost: number, binsRefused: number, incidentsUnkept: number | null,
 *   switches: SwitchTelemetry[]}} Telemetry
 * @typedef {{since: string, incidents: number, queues: TopQueue[], culprits: TopFlow[],
 *   victims: TopFlow[]}} Top
 * @typedef {{tenant: string | null, protocol: string, source: string | null, destination: string | null,
 *   sourcePort: number, destinationPort: number}} RemediedFlow
 * @typedef {{kind: string, tenant: string, name: string}} IntentRef
 * @typedef {{number: number, response: IntentRef, action: string, flow: RemediedFlow, incident: number,
 *   switch: string | null, port: number | null, priority: number | null, leaf: string | null,
 *   leafPort: number | null, rateKilobits: number | null, waitBeforeUs: number, grantedAt: string,
 *   expiresAt: string, helped: boolean | null, ended: string | null, endedAt: string | null,
 *   reason: string | null}} Remedy
 * @typedef {{response: IntentRef, incident: number, switch: string | null, port: number | null,
 *   priority: number | null, verdict: string, action: string | null, flow: RemediedFlow | null,
 *   reason: string | null}} ResponseFinding
 * @typedef {{type: string, time?: string} & Record<string, any>} FabricEvent
 */

export {};
