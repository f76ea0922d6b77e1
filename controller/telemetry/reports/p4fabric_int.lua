-- Telemetry Report v2.0 (P4.org) with p4fabric's domain-specific words, for Wireshark and tshark.
-- SPDX-License-Identifier: Apache-2.0
--
--   tshark -X lua_script:p4fabric_int.lua -r reports.pcap -V
--
-- UDP port 32766, or another one by the preference: -o p4fabric_int.port:40000

local report = Proto("p4fabric_int", "Telemetry Report v2.0")

report.prefs.port = Pref.uint("UDP port", 32766, "The port that reports are sent to")

local ORIGINS = {[0] = "egress", [1] = "drops", [2] = "tail drops", [3] = "postcards", [4] = "queues"}
local TYPES = {[0] = "inner only", [1] = "INT", [2] = "IOAM"}
local INNER = {
    [0] = "none", [1] = "TLV", [2] = "domain-specific", [3] = "Ethernet", [4] = "IPv4", [5] = "IPv6",
}
local ROLES = {[0] = "none", [1] = "culprit", [2] = "participant", [3] = "victim", [4] = "dropped"}
local VERSIONS = {[0] = "v0.5", [1] = "v1.0", [2] = "v2.0"}
local DOMAIN = 0x5034

local f = {
    version = ProtoField.uint8("p4fabric_int.version", "Version", base.DEC, VERSIONS),
    hw_id = ProtoField.uint8("p4fabric_int.hw_id", "Hardware id", base.DEC, ORIGINS),
    sequence = ProtoField.uint32("p4fabric_int.sequence", "Sequence number"),
    node = ProtoField.uint32("p4fabric_int.node", "Node id"),

    type = ProtoField.uint8("p4fabric_int.report.type", "Report type", base.DEC, TYPES),
    inner_type = ProtoField.uint8("p4fabric_int.report.inner_type", "Inner type", base.DEC, INNER),
    length = ProtoField.uint8("p4fabric_int.report.length", "Length in words"),
    md_length = ProtoField.uint8("p4fabric_int.report.md_length", "Metadata length in words"),
    dropped = ProtoField.bool("p4fabric_int.report.dropped", "Dropped"),
    congested = ProtoField.bool("p4fabric_int.report.congested", "Congested queue"),
    tracked = ProtoField.bool("p4fabric_int.report.tracked", "Tracked flow"),
    intermediate = ProtoField.bool("p4fabric_int.report.intermediate", "Intermediate"),
    bits = ProtoField.uint16("p4fabric_int.report.bits", "Metadata bits", base.HEX),
    domain = ProtoField.uint16("p4fabric_int.report.domain", "Domain id", base.HEX),
    domain_bits = ProtoField.uint16("p4fabric_int.report.domain_bits", "Domain metadata bits", base.HEX),
    domain_status = ProtoField.uint16("p4fabric_int.report.domain_status", "Domain status", base.HEX),

    ingress = ProtoField.uint32("p4fabric_int.ingress_port", "Ingress port"),
    egress = ProtoField.uint32("p4fabric_int.egress_port", "Egress port"),
    latency = ProtoField.uint32("p4fabric_int.latency_us", "Hop latency (us)"),
    queue = ProtoField.uint8("p4fabric_int.queue", "Queue"),
    depth = ProtoField.uint32("p4fabric_int.depth", "Queue depth (packets)"),
    ingress_time = ProtoField.uint64("p4fabric_int.ingress_ns", "Ingress time (ns)"),
    egress_time = ProtoField.uint64("p4fabric_int.egress_ns", "Egress time (ns)"),
    utilization = ProtoField.uint32("p4fabric_int.utilization", "Egress port utilization"),
    buffer = ProtoField.uint32("p4fabric_int.buffer", "Buffer id and occupancy", base.HEX),
    reserved = ProtoField.bytes("p4fabric_int.reserved", "Reserved metadata"),
    drop_queue = ProtoField.uint8("p4fabric_int.drop_queue", "Queue of the dropped packet"),
    reason = ProtoField.uint8("p4fabric_int.drop_reason", "Drop reason"),

    role = ProtoField.uint8("p4fabric_int.flow.role", "Role", base.DEC, ROLES),
    translated = ProtoField.bool("p4fabric_int.flow.translated", "Translated by a service", 8, nil, 0x01),
    tunnelled = ProtoField.bool("p4fabric_int.flow.tunnelled", "Came in a tunnel", 8, nil, 0x02),
    vlan = ProtoField.uint16("p4fabric_int.flow.vlan", "VLAN id"),
    flow_bytes = ProtoField.uint32("p4fabric_int.flow.bytes", "Bytes of the flow in the queue"),
    queue_bytes = ProtoField.uint32("p4fabric_int.flow.queue_bytes", "Bytes of the queue"),
    window = ProtoField.uint32("p4fabric_int.window", "Window number"),
    window_log2 = ProtoField.uint8("p4fabric_int.window_log2_us", "Window length (log2 of us)"),
    flow_left = ProtoField.uint32("p4fabric_int.left.flow", "Bytes of the flow that left in the window"),
    queue_left = ProtoField.uint32("p4fabric_int.left.queue", "Bytes that left in the window"),
    flow_before = ProtoField.uint32("p4fabric_int.left.flow_before", "Bytes of the flow in the window before"),
    queue_before = ProtoField.uint32("p4fabric_int.left.queue_before", "Bytes in the window before"),
    suppressed = ProtoField.uint32("p4fabric_int.suppressed", "Packets not reported since the last report"),
    foreign = ProtoField.bytes("p4fabric_int.foreign", "Words that are not known"),

    bins = ProtoField.uint16("p4fabric_int.bins", "Bins"),
    priority = ProtoField.uint8("p4fabric_int.priority", "Priority"),
    bins_flags = ProtoField.uint8("p4fabric_int.bins_flags", "Flags", base.HEX),
    bin_start = ProtoField.uint64("p4fabric_int.bin.start_ns", "Start (ns)"),
    bin_depth = ProtoField.uint32("p4fabric_int.bin.max_depth", "Greatest depth (packets)"),
    bin_when = ProtoField.uint32("p4fabric_int.bin.max_at_ns", "Deepest after (ns)"),
    bin_wait = ProtoField.uint32("p4fabric_int.bin.max_wait_ns", "Longest wait (ns)"),
    bin_packets = ProtoField.uint32("p4fabric_int.bin.packets", "Packets"),
    bin_bytes = ProtoField.uint32("p4fabric_int.bin.bytes", "Bytes"),
    bin_drops = ProtoField.uint24("p4fabric_int.bin.drops", "Drops"),
    bin_late = ProtoField.bool("p4fabric_int.bin.late", "Closed late", 8, nil, 0x01),
    bin_gap = ProtoField.bool("p4fabric_int.bin.after_gap", "First after a gap", 8, nil, 0x02),
}
report.fields = f

local unsupported = ProtoExpert.new(
    "p4fabric_int.unsupported", "Not a Telemetry Report v2.0", expert.group.UNDECODED, expert.severity.WARN)
local truncated = ProtoExpert.new(
    "p4fabric_int.truncated", "The datagram ends before the report", expert.group.MALFORMED,
    expert.severity.ERROR)
local malformed = ProtoExpert.new(
    "p4fabric_int.malformed", "The lengths contradict each other", expert.group.MALFORMED,
    expert.severity.ERROR)
report.experts = {unsupported, truncated, malformed}

local function set(bits, bit)
    return bit32.band(bits, bit) ~= 0
end

-- Metadata of the specification, in the order of its bits; each function adds a word or two.
local BASELINE = {
    {0x8000, 4, function(tree, at) tree:add(f.reserved, at) end},
    {0x4000, 4, function(tree, at)
        tree:add(f.ingress, at(0, 2))
        tree:add(f.egress, at(2, 2))
    end},
    {0x2000, 4, function(tree, at) tree:add(f.latency, at) end},
    {0x1000, 4, function(tree, at)
        tree:add(f.queue, at(0, 1))
        tree:add(f.depth, at(1, 3))
    end},
    {0x0800, 8, function(tree, at) tree:add(f.ingress_time, at) end},
    {0x0400, 8, function(tree, at) tree:add(f.egress_time, at) end},
    {0x0200, 8, function(tree, at)
        tree:add(f.ingress, at(0, 4))
        tree:add(f.egress, at(4, 4))
    end},
    {0x0100, 4, function(tree, at) tree:add(f.utilization, at) end},
    {0x0080, 4, function(tree, at) tree:add(f.buffer, at) end},
    {0x0040, 4, function(tree, at) tree:add(f.reserved, at) end},
    {0x0020, 4, function(tree, at) tree:add(f.reserved, at) end},
    {0x0010, 4, function(tree, at) tree:add(f.reserved, at) end},
    {0x0008, 4, function(tree, at) tree:add(f.reserved, at) end},
    {0x0004, 4, function(tree, at) tree:add(f.reserved, at) end},
    {0x0002, 4, function(tree, at) tree:add(f.reserved, at) end},
    {0x0001, 4, function(tree, at)
        tree:add(f.drop_queue, at(0, 1))
        tree:add(f.reason, at(1, 1))
    end},
}

local function flow_words(tree, at)
    local words = tree:add(report, at, "Flow")
    words:add(f.role, at(0, 1))
    words:add(f.translated, at(1, 1))
    words:add(f.tunnelled, at(1, 1))
    words:add(f.vlan, at(2, 2))
    words:add(f.flow_bytes, at(4, 4))
    words:add(f.queue_bytes, at(8, 4))
end

local function window_words(tree, at)
    tree:add(f.window, at(0, 4))
    tree:add(f.window_log2, at(4, 1))
end

local function left_words(tree, at)
    tree:add(f.flow_left, at(0, 4))
    tree:add(f.queue_left, at(4, 4))
    tree:add(f.flow_before, at(8, 4))
    tree:add(f.queue_before, at(12, 4))
end

local DOMAIN_WORDS = {
    {0x8000, 12, flow_words},
    {0x4000, 8, window_words},
    {0x2000, 4, function(tree, at) tree:add(f.suppressed, at) end},
    {0x0800, 16, left_words},
}

-- Adds what bits announce; returns where it ends, or nil if that is behind `stop`.
local function add_words(tree, tvb, at, stop, bits, layout)
    for _, entry in ipairs(layout) do
        local bit, size, add = entry[1], entry[2], entry[3]
        if set(bits, bit) then
            if at + size > stop then
                return nil
            end
            add(tree, tvb(at, size))
            at = at + size
        end
    end
    return at
end

local function add_bins(tree, tvb, at, stop)
    if at + 4 > stop then
        return nil
    end
    local count = tvb(at, 2):uint()
    tree:add(f.bins, tvb(at, 2))
    tree:add(f.priority, tvb(at + 2, 1))
    tree:add(f.bins_flags, tvb(at + 3, 1))
    at = at + 4
    if at + 32 * count > stop then
        return nil
    end
    for number = 1, count do
        local here = tvb(at, 32)
        local bin = tree:add(report, here, "Bin " .. number)
        bin:add(f.bin_start, here(0, 8))
        bin:add(f.bin_depth, here(8, 4))
        bin:add(f.bin_when, here(12, 4))
        bin:add(f.bin_wait, here(16, 4))
        bin:add(f.bin_packets, here(20, 4))
        bin:add(f.bin_bytes, here(24, 4))
        bin:add(f.bin_drops, here(28, 3))
        bin:add(f.bin_late, here(31, 1))
        bin:add(f.bin_gap, here(31, 1))
        at = at + 32
    end
    return at
end

-- The packet of a report may end anywhere: what its dissector finds missing is no fault of the report.
local INNER_DISSECTORS = {[3] = "eth_withoutfcs", [4] = "ip", [5] = "ipv6"}

local function add_inner(tree, tvb, pinfo, at, stop, kind)
    local name = INNER_DISSECTORS[kind]
    if stop <= at or not name then
        return
    end
    pcall(function() Dissector.get(name):call(tvb(at, stop - at):tvb(), pinfo, tree) end)
end

-- One report of type INT, behind its header; returns whether its lengths are right.
local function add_int(tree, tvb, pinfo, at, stop, md_words, inner_type)
    local packet_at = at + 8 + 4 * md_words
    if packet_at > stop then
        return false
    end
    local bits, domain, domain_bits = tvb(at, 2):uint(), tvb(at + 2, 2):uint(), tvb(at + 4, 2):uint()
    tree:add(f.bits, tvb(at, 2))
    tree:add(f.domain, tvb(at + 2, 2))
    tree:add(f.domain_bits, tvb(at + 4, 2))
    tree:add(f.domain_status, tvb(at + 6, 2))
    local words_at = add_words(tree, tvb, at + 8, packet_at, bits, BASELINE)
    if words_at and domain == DOMAIN then
        words_at = add_words(tree, tvb, words_at, packet_at, domain_bits, DOMAIN_WORDS)
        if words_at and set(domain_bits, 0x1000) then
            words_at = add_bins(tree, tvb, words_at, packet_at)
        end
    end
    if not words_at then
        return false
    end
    if words_at < packet_at then
        tree:add(f.foreign, tvb(words_at, packet_at - words_at))
    end
    add_inner(tree, tvb, pinfo, packet_at, stop, inner_type)
    return true
end

local function add_report(tree, tvb, pinfo, at, number)
    local left = tvb:len() - at
    if left < 4 then
        tree:add_proto_expert_info(malformed)
        return nil
    end
    local types, length, md_words, flags =
        tvb(at, 1):uint(), tvb(at + 1, 1):uint(), tvb(at + 2, 1):uint(), tvb(at + 3, 1):uint()
    local stop = length == 0xFF and tvb:len() or at + 4 + 4 * length
    local missing = stop - tvb:len()
    local one = tree:add(report, tvb(at, math.min(stop, tvb:len()) - at), "Report " .. number)
    one:add(f.type, tvb(at, 1), bit32.rshift(types, 4))
    one:add(f.inner_type, tvb(at, 1), bit32.band(types, 0xF))
    one:add(f.length, tvb(at + 1, 1))
    one:add(f.md_length, tvb(at + 2, 1))
    one:add(f.dropped, tvb(at + 3, 1), set(flags, 0x80))
    one:add(f.congested, tvb(at + 3, 1), set(flags, 0x40))
    one:add(f.tracked, tvb(at + 3, 1), set(flags, 0x20))
    one:add(f.intermediate, tvb(at + 3, 1), set(flags, 0x10))
    -- The last packet may end within its last word.
    if missing >= 4 then
        one:add_proto_expert_info(truncated)
        return nil
    end
    stop = math.min(stop, tvb:len())
    if bit32.rshift(types, 4) == 1 then
        if not add_int(one, tvb, pinfo, at + 4, stop, md_words, bit32.band(types, 0xF)) then
            one:add_proto_expert_info(malformed)
            return nil
        end
    end
    return stop
end

function report.dissector(tvb, pinfo, root)
    pinfo.cols.protocol = "P4INT"
    local tree = root:add(report, tvb())
    if tvb:len() < 8 then
        tree:add_proto_expert_info(truncated)
        return tvb:len()
    end
    local first = tvb(0, 4):uint()
    local version = bit32.rshift(first, 28)
    tree:add(f.version, tvb(0, 1), version)
    if version ~= 2 then
        tree:add_proto_expert_info(unsupported, "Telemetry Report " .. (VERSIONS[version] or version))
        return tvb:len()
    end
    tree:add(f.hw_id, tvb(0, 2), bit32.band(bit32.rshift(first, 22), 0x3F))
    tree:add(f.sequence, tvb(1, 3), bit32.band(first, 0x3FFFFF))
    tree:add(f.node, tvb(4, 4))
    -- Dissectors of the packets inside write into the columns too.
    local source, destination = tostring(pinfo.src), tostring(pinfo.dst)
    local at, number = 8, 0
    if at == tvb:len() then
        tree:add_proto_expert_info(truncated)
    end
    while at and at < tvb:len() do
        number = number + 1
        at = add_report(tree, tvb, pinfo, at, number)
    end
    pinfo.cols.protocol, pinfo.cols.src, pinfo.cols.dst = "P4INT", source, destination
    pinfo.cols.info = string.format(
        "Telemetry Report, node %u, %s, sequence %u, %u report(s)", tvb(4, 4):uint(),
        ORIGINS[bit32.band(bit32.rshift(first, 22), 0x3F)] or "?", bit32.band(first, 0x3FFFFF), number)
    return tvb:len()
end

local ports = DissectorTable.get("udp.port")
local registered = report.prefs.port
ports:add(registered, report)

function report.prefs_changed()
    if report.prefs.port ~= registered then
        ports:remove(registered, report)
        registered = report.prefs.port
        ports:add(registered, report)
    end
end
