---@meta moontap
-- The policy language for the Lua language server, printed from the table that binds it. Put this folder into
-- `workspace.library` of your editor's settings.

---Declares a mirror. It is checked at once; an error lists every rule that it breaks.
---@param definition table its keys: see The keys of a mirror
---@return mirror
function mirror(definition) end

---The mirrors of this policy, then with `--store` those of the store: `mirrors["web"]`, `mirrors[1]`, `#mirrors`, `pairs(mirrors)` gives name and mirror. A name that several have is an error: `mirrors.find`.
---@type mirrors
mirrors = nil

---Calls the function again and again on the engine's clock, which in a capture file is packet time. Periods without packets are not made up for.
---@param seconds number 0.001 or more
---@param fn fun()
function every(seconds, fn) end

---A number that grows, by name: in metrics and in the summary.
---@param name string a-z, 0-9, _; up to 60 characters
---@return counter
function counter(name) end

---A number that goes up and down, by name: in metrics and in the summary.
---@param name string a-z, 0-9, _; up to 60 characters
---@return gauge
function gauge(name) end

---A small table that callbacks and workers share: text keys up to 256 bytes; strings up to 4 KiB, numbers and booleans.
---@type shared
shared = nil

---Runs a module, `name.lua` in the policy's folder or else in one of --lib, once, and returns what it returned; every call gets a table as a copy of its own.
---@param module string letters, digits, _ and -; a dot between folders
---@return any
function require(module) end

---Declares a test. Each runs in a state of its own, with the policy freshly loaded and a fresh pipeline.
---@param name string said when it fails
---@param fn fun()
function test(name, fn) end

---What is expected of a value, by one of the matchers; of a member of a verdict or table: `expect(v).reason`.
---@param value any what a matcher is asked about
---@return expectation
function expect(value) end

---Declares the audit of this script; each script declares one.
---@param definition table its keys: see The keys of an audit
function audit(definition) end

---Raises a finding, in the functions of an audit. Those with the same key are one, with a count, the first and the last time.
---@param finding table its keys: see The keys of a finding
function finding(finding) end

---Runs the audit, as moontap audit does, over captures, over packets made by packet.tcp and its like, or, without either, over the configuration. Gives what it found, in the order of reports: tables with key, message, severity, subject, count, packets, evidence, details. An error if the audit fails or is skipped.
---@param ... string|packet captures in the audit's own folder, or in one of --lib; or packets, in order of time
---@return table[]
function findings(...) end

---@class mirror
---@field name string Its name.
---@field description string What it is for.
---@field vpc string The id of its VPC.
---@field direction string "all", "out" or "in".
---@field enabled boolean Whether it collects.
---@field state string "enabled", "disabled", "deleted", or "faulted": its scripts failed too often and are not called any more.
---@field receivers string[] The receiving IP addresses.
---@field tags table<string, string> Its tags.
---@field vni integer The VXLAN network identifier of its copies.
---@field origin string Where it was declared, as "web.lua:8", or "store".
---@field has_filter boolean Whether it collects only what a filter matches.
local mirror_type = {}

---Starts collecting; calls its scripts again if they failed too often.
function mirror_type:enable() end

---Stops collecting; the mirror stays.
function mirror_type:disable() end

---Changes some of its definition; checked as a whole.
---@param changes table keys of mirror{} with new values
function mirror_type:modify(changes) end

---Adds tags, or changes their values.
---@param tags table value by key
function mirror_type:tag(tags) end

---Removes tags.
---@param ... string tags by key
function mirror_type:untag(...) end

---Takes the mirror away; what it counted stays in the summary.
function mirror_type:delete() end

---What was counted before the packet at hand: observed, collected and reasons, each with packets and bytes; lua, in timers only: hits, misses, calls and ns_per_call of its functions. nil while nothing runs.
---@return table
function mirror_type:stats() end

---Why the mirror would, or would not, copy the packet, were it the first of its conversation: a list of lines, each stage's answer, with reason, collected, receiver, eni and direction. Nothing is copied and nothing counted, counters of the policy included. In timers and in tests.
---@param packet packet made by packet.tcp and its like
---@return table
function mirror_type:explain(packet) end

---Of a mirror of the store: who changed what and when, the last 100 changes, oldest first, each with time, actor, action, name and changes. At the prompt, and while a policy loads.
---@return table[]
function mirror_type:history() end

---Sends the packet through the pipeline, as one of a capture: every mirror of the policy sees it, conversations, counters and timers go on. Gives this mirror's verdict.
---@param packet packet made by packet.tcp and its like
---@return verdict
function mirror_type:judge(packet) end

---Whether the network interface is in its collection range.
---@param eni eni of the inventory
---@return boolean
function mirror_type:covers(eni) end

---@class mirrors
---@field [string|integer] mirror?
local mirrors_type = {}

---Asks for a reload, as SIGHUP does: inventory, mirrors and policies are read again and come into force between two batches of packets, all or none. In timers only; at most one reload in 10 seconds of the engine's clock.
function mirrors_type.reload() end

---The mirror of the name; what else is given must fit too. Several that fit are an error.
---@param which table name, and vpc, region, origin where needed
---@return mirror|nil
function mirrors_type.find(which) end

---Makes a mirror in the store, by the same rules and in the same way as `moontap mirror create`; with `--store` only. At the prompt it is there at once. Policies use it in timers, not while they load: it is judged at once and made soon after, and what then goes wrong is said in the log.
---@param definition table its keys: see The keys of a mirror; a Lua filter as { lua = text }
---@return mirror
function mirrors_type.create(definition) end

---@class receiver
---@field address string Its IP address.
---@field index integer Its position in the mirror's list, from 1.
local receiver_type = {}

source = {}

---All traffic of the mirror's VPC.
---@return source
function source.vpc() end

---The traffic of subnets.
---@param ... string subnets by id
---@return source
function source.subnet(...) end

---The traffic of network interfaces.
---@param ... string ENIs by id
---@return source
function source.eni(...) end

---The network interfaces for which the function returns true; it is asked once for each while the policy loads.
---@param fn fun(eni: eni): boolean
---@return source
function source.where(fn) end

target = {}

---The receiving IP addresses, and how copies travel to them.
---@param addresses string|table a list, or text with commas or line breaks between
---@param options? table encapsulation = { type, vni, port }
---@return target
function target.receivers(addresses, options) end

filter = {}

---Everything in range and direction, packets that are not IP included.
---@return filter
function filter.any() end

---Packets that meet every condition. A field that is not given is not asked; several tables must all match.
---@param ... table protocol, source, destination, source_port, destination_port, bidirectional
---@return filter
function filter.quintuple(...) end

---Packets whose next hop is the NAT gateway.
---@param gateway string the NAT gateway's id
---@param options? table bidirectional: answers from the gateway too
---@return filter
function filter.nat(gateway, options) end

---Accept and drop rules by priority: the lowest number that matches decides; no match is not collected.
---@param rules table inbound and outbound: lists of { priority, action, ...condition }
---@return filter
function filter.rules(rules) end

---A pcap-filter expression, compiled by libpcap. Addresses, networks, ports and protocols are numbers: nothing is looked up. At most 64 tests joined by and, or.
---@param expression string as tcpdump takes it, see pcap-filter(7)
---@return filter
function filter.bpf(expression) end

---The first packets or bytes of each conversation that reach this filter. The packet that crosses the bound of bytes is the last one, and whole.
---@param bounds table packets, bytes: at least one of them
---@return filter
function filter.first(bounds) end

---Whole conversations, chosen by their hash: the same ones in every run.
---@param fraction number above 0, at most 1
---@return filter
function filter.sample(fraction) end

---A function as filter, with a name. It must return true or false; anything else, nil included, is an error.
---@param name string what metrics, explain and errors call it
---@param fn fun(packet: packet): boolean
---@return filter
function filter.when(name, fn) end

---What every one of the filters matches.
---@param filters table a list of filters and functions
---@return filter
function filter.all(filters) end

---What none of the filters matches.
---@param filters table a list of filters and functions
---@return filter
function filter.none(filters) end

---@class filter
---@operator band(filter|function): filter
---@operator bor(filter|function): filter
---@operator bnot: filter
local filter_type = {}

balance = {}

---Each conversation to the receiver with the fewest bytes so far.
---@return balance
function balance.even() end

---All traffic of one network interface to the same receiver.
---@return balance
function balance.eni_hash() end

---Conversations by their hash: the same choice on every host.
---@return balance
function balance.flow_hash() end

---Packet by packet in turn.
---@return balance
function balance.round_robin() end

---Conversations by their hash, in proportion to the weights.
---@param weights table weight by receiver; 1 for those not named
---@return balance
function balance.weighted(weights) end

---A function as balancer, with a name. It returns a receiver of the list, its address, its index from 1, or nil for none.
---@param name string what metrics, explain and errors call it
---@param fn fun(packet: packet, receivers: receiver[]): receiver|integer|string|nil
---@return balance
function balance.with(name, fn) end

---@class packet
---@field eni string? The network interface where it is observed, by id; an unlisted one by its address.
---@field direction string? "out" leaves the network interface, "in" enters it.
---@field time number When it was captured, in seconds since 1970.
---@field length integer Bytes of the frame on the wire.
---@field captured_length integer Bytes of the frame that were captured.
---@field source_mac string? As 02:00:0a:14:01:0b.
---@field destination_mac string? As 02:00:0a:14:01:0b.
---@field vlan integer? The id of the outermost VLAN tag.
---@field ethertype integer? After all tags; 0x0800 is IPv4.
---@field ip_version integer? 4 or 6; nil if it is not IP, or malformed.
---@field protocol string|integer|nil "tcp", "udp", "icmp", "icmpv6", ...; the number if it has no name here.
---@field source string? The source IP address.
---@field destination string? The destination IP address.
---@field source_port integer? Of TCP, UDP, SCTP, DCCP, UDP-Lite; nil in later fragments.
---@field destination_port integer? Of TCP, UDP, SCTP, DCCP, UDP-Lite; nil in later fragments.
---@field ttl integer? Time to live, or hop limit.
---@field dscp integer? Differentiated services code point, 0 to 63.
---@field fragment boolean? It is one of several pieces of a datagram, the first included.
---@field payload_length integer Bytes on the wire behind the last header that is read here (TCP, UDP, SCTP, 8 bytes of ICMP, else IP; else link and tags).
---@field next_hop string? The route table's answer for a packet going out: a gateway's id, or the type of next hop ("local", "eip", ...) if it has none.
---@field tcp tcp? The TCP header; nil where there is none, or it is cut short.
---@field icmp icmp? The ICMP or ICMPv6 header.
---@field flow flow? Its conversation so far, both directions.
---@field payload payload The captured bytes behind the last header.
---@field inner packet? The packet inside VXLAN, GRE, Geneve, IP in IP, or behind MPLS labels; it has no eni, direction, next_hop and flow.
---@field dns dns? The first question, if the payload is a message of DNS over UDP.
local packet_type = {}

---Whether the set holds its source address; false if it has none.
---@param set set made by set.cidrs or set.load
---@return boolean
function packet_type:source_in(set) end

---Whether the set holds its destination address; false if it has none.
---@param set set made by set.cidrs or set.load
---@return boolean
function packet_type:destination_in(set) end

---The captured frame as hexadecimal digits.
---@return string
function packet_type:hex() end

---@class tcp
---@field syn boolean The flag.
---@field ack boolean The flag.
---@field fin boolean The flag.
---@field rst boolean The flag.
---@field psh boolean The flag.
---@field urg boolean The flag.
---@field flags integer All eight flags: CWR ECE URG ACK PSH RST SYN FIN from the highest bit.
---@field seq integer The sequence number.
---@field window integer The window, not scaled.
local tcp_type = {}

---@class icmp
---@field type integer The type.
---@field code integer The code.
local icmp_type = {}

---@class flow
---@field packets integer Packets so far, this one included.
---@field bytes integer Bytes so far, this packet included.
---@field age number Seconds since its first packet.
---@field state table A table of the script's own that lives as long as the conversation. For room, a policy keeps those of the 8,192 to 16,384 conversations that used theirs last; a forgotten one is empty again, and counted.
local flow_type = {}

---@class payload
---@operator len: integer
local payload_type = {}

---The byte at a position; nil beyond the end.
---@param position integer from 1
---@return integer?
function payload_type:byte(position) end

---The big-endian number of 2 bytes at a position; nil if they are not all there.
---@param position integer from 1
---@return integer?
function payload_type:u16(position) end

---The big-endian number of 4 bytes at a position; nil if they are not all there.
---@param position integer from 1
---@return integer?
function payload_type:u32(position) end

---The bytes as a string, as string.sub counts.
---@param first integer from 1; negative from the end
---@param last? integer the last one if not given
---@return string
function payload_type:sub(first, last) end

---Where the bytes first occur, from 1, or nil.
---@param text string no pattern: these bytes
---@param first? integer where to begin, from 1
---@return integer?
function payload_type:find(text, first) end

---Whether it begins with the bytes.
---@param text string these bytes
---@return boolean
function payload_type:starts(text) end

packet = {}

---Makes a packet, checksums included, to try a policy's own functions on while it loads, and in tests. With vlan or a MAC it is an Ethernet frame. Without direction or eni it is seen at both of its ends.
---@param fields table source, destination, source_port, destination_port, flags (letters of tcpdump: S . F R P U E W), seq, window, payload, ttl, dscp, vlan, source_mac, destination_mac, eni, direction, time
---@return packet
function packet.tcp(fields) end

---Makes a packet, checksums included, to try a policy's own functions on while it loads, and in tests. With vlan or a MAC it is an Ethernet frame. Without direction or eni it is seen at both of its ends.
---@param fields table source, destination, source_port, destination_port, payload, ttl, dscp, vlan, source_mac, destination_mac, eni, direction, time
---@return packet
function packet.udp(fields) end

---Makes a packet, checksums included, to try a policy's own functions on while it loads, and in tests. With vlan or a MAC it is an Ethernet frame. Without direction or eni it is seen at both of its ends.
---@param fields table source, destination, type, code, payload, ttl, dscp, vlan, source_mac, destination_mac, eni, direction, time
---@return packet
function packet.icmp(fields) end

---Makes a packet from the bytes of a frame, as packet:hex() gives them.
---@param digits string hexadecimal; blanks and line breaks are left out
---@param link? string "ethernet" (default) or "raw": an IP packet
---@param seen? table eni, direction ("in" or "out"), time (seconds since 1970)
---@return packet
function packet.from_hex(digits, link, seen) end

---Takes a packet out of a capture, with its time.
---@param file string a capture in the policy's own folder, or in one of --lib
---@param frame integer its number, from 1
---@param seen? table eni, direction ("in" or "out"), time (seconds since 1970)
---@return packet
function packet.from_capture(file, frame, seen) end

set = {}

---Addresses and CIDRs; a look-up is one longest-prefix match.
---@param members table a list
---@return set
function set.cidrs(members) end

---Ports and port ranges.
---@param members table a list
---@return set
function set.ports(members) end

---Texts.
---@param members table a list
---@return set
function set.strings(members) end

---A set from a file: one member a line; empty lines and what follows # are left out (in strings only whole lines).
---@param file string in the policy's own folder
---@param kind? string "cidrs" (default), "ports" or "strings"
---@return set
function set.load(file, kind) end

---@class set
---@operator len: integer
local set_type = {}

---Whether the value is in the set; for CIDRs: whether a prefix holds the address.
---@param value any an address, a port or a text; nil is in no set
---@return boolean
function set_type:contains(value) end

inventory = {}

---Regions by id.
---@type list
inventory.regions = nil

---VPCs by id; of equal ids in several regions the first.
---@type list
inventory.vpcs = nil

---The network interface with the id, or nil.
---@param id string its id
---@return eni?
function inventory.eni(id) end

---All network interfaces by id; of equal ids in several regions the first.
---@type list
inventory.enis = nil

---All subnets by id; of equal ids in several regions the first.
---@type list
inventory.subnets = nil

---@class region
---@field id string Its id.
---@field vpcs list Its VPCs by id.
local region_type = {}

---@class vpc
---@field id string Its id.
---@field name string? Its name.
---@field region region Where it is.
---@field cidrs string[] Its address ranges.
---@field tags table<string, string> Its tags.
---@field subnets list Its subnets by id.
---@field enis list Its network interfaces by id.
---@field route_tables list Its route tables by id.
---@field nat_gateways list Its NAT gateways by id.
local vpc_type = {}

---@class subnet
---@field id string Its id.
---@field name string? Its name.
---@field vpc vpc Where it is.
---@field cidrs string[] Its address ranges.
---@field tags table<string, string> Its tags.
---@field route_table route_table Which routes its packets take.
---@field enis list Its network interfaces by id.
local subnet_type = {}

---@class eni
---@field id string Its id.
---@field name string? Its name.
---@field vpc vpc Where it is.
---@field subnet subnet Its subnet.
---@field mac string? Its MAC address.
---@field addresses string[] Its addresses.
---@field public_addresses string[] Its public addresses.
---@field instance string? The instance it belongs to.
---@field interface string? The Linux interface it is bound to.
---@field bandwidth_mbps integer? Its bandwidth.
---@field tags table<string, string> Its tags.
local eni_type = {}

---@class route_table
---@field id string Its id.
---@field vpc vpc Where it is.
---@field routes table[] destination, next_hop, enabled of each route.
local route_table_type = {}

---@class nat_gateway
---@field id string Its id.
---@field name string? Its name.
---@field vpc vpc Where it is.
---@field addresses string[] Its addresses.
local nat_gateway_type = {}

---@class counter
---@field value number What it is now.
local counter_type = {}

---Adds to it.
---@param n? number 0 or more; 1 if not given
function counter_type:add(n) end

---@class gauge
---@field value number What it is now.
local gauge_type = {}

---Sets it.
---@param value number finite
function gauge_type:set(value) end

---Adds to it.
---@param n number may be negative
function gauge_type:add(n) end

---@class shared
local shared_type = {}

---The value, or nil when there is none or it is over.
---@param key string
---@return string|number|boolean|nil
function shared_type:get(key) end

---Sets a value.
---@param key string
---@param value any a string, a number, a boolean; nil removes
---@param seconds? number until it is forgotten; for good if not given
function shared_type:set(key, value, seconds) end

---Adds to a number, made as 0, and returns the sum; one step for all workers.
---@param key string
---@param n number
---@param seconds? number until it is forgotten, counted from when it is made
---@return number
function shared_type:add(key, n, seconds) end

log = {}

---Writes a line to the log (debug); at most 10 a second of the engine's clock after the first 100.
---@param ... any joined by blanks
function log.debug(...) end

---Writes a line to the log (info); at most 10 a second of the engine's clock after the first 100.
---@param ... any joined by blanks
function log.info(...) end

---Writes a line to the log (warn); at most 10 a second of the engine's clock after the first 100.
---@param ... any joined by blanks
function log.warn(...) end

---Writes a line to the log (error); at most 10 a second of the engine's clock after the first 100.
---@param ... any joined by blanks
function log.error(...) end

policy = {}

---The policy's name: its file's, without .lua.
---@type string
policy.name = nil

---What --set key=value gave.
---@type table<string, string>
policy.args = nil

---@class expectation
---@field [string|integer] expectation
---@field never expectation The contrary of the matcher that follows.
local expectation_type = {}

---The values are equal, as `==` says.
---@param value any tables: member by member
function expectation_type:equals(value) end

---It is `true`, no other value.
function expectation_type:is_true() end

---It is `false`, not nil.
function expectation_type:is_false() end

---It is `nil`.
function expectation_type:is_nil() end

---A number that is no further from the other than the tolerance.
---@param number number
---@param tolerance number 0 or more
function expectation_type:is_near(number, tolerance) end

---It has the value in it.
---@param value any of a string these bytes, of a table a member that equals it
function expectation_type:contains(value) end

---A string in which the pattern is found.
---@param pattern string as string.find takes it
function expectation_type:matches(pattern) end

---A function that raises an error when it is called.
---@param text? string that the message contains
function expectation_type:raises(text) end

---@class verdict
---@field reason string "collected", or why not: "filtered", "receiver", ...; "unattributed": at no ENI.
---@field collected boolean Whether it was copied.
---@field receiver string? The address that the copy went to.
---@field eni string? Where it was seen, by id; an unlisted ENI by its address.
---@field direction string? "in" or "out" of that ENI.
---@field error string? What the mirror's filter or balancer failed with. A test in which a script fails fails, unless it looks here, or at a `reason` that is "script-error", of a verdict of that mirror.
local verdict_type = {}

configuration = {}

---What the console's rules say of the mirrors given: a list of tables with code, mirror, message, hint, place, and warning, which is true for what is allowed and yet probably not meant.
---@return table[]
function configuration.violations() end

os = {}

---Seconds since 1970 by the capture's clock: the latest time that the audit was shown; in finish that of the capture's last packet. An error where there is no capture: while the script loads, and in config.
---@return integer
function os.time() end

---Seconds by the capture's clock from the earliest to the latest time that the audit was shown.
---@return number
function os.clock() end

---A time as text; without one, that of os.time().
---@param format? string as strftime takes it; in UTC
---@param time? number seconds since 1970; now if not given
---@return string
function os.date(format, time) end

---@class conversation
---@field protocol string|integer "tcp", "udp", "icmp", ...; the number if it has no name here.
---@field client end Who began it, as far as was seen.
---@field server end The other end.
---@field first_time number When its first packet was captured, in seconds since 1970.
---@field last_time number When its last packet was captured, in seconds since 1970.
---@field duration number Seconds from its first packet to its last.
---@field packets integer Of both directions.
---@field bytes integer Of both directions, whole frames.
---@field established boolean TCP: the SYN of both ends was seen.
---@field ending string "closed" by FIN of both ends, "reset" by RST; "open": neither was seen.
---@field tls tls? The ClientHello of TLS among the client's first bytes.
---@field tls_answer tls_answer? The ServerHello of TLS among the server's first bytes.
---@field certificate certificate? The server's certificate, where its handshake is in clear: up to TLS 1.2, if it was captured whole enough.
---@field http http? The first request of HTTP/1.
---@field dns dns? The first question of DNS, over UDP or TCP.
local conversation_type = {}

---@class end
---@field address string Its IP address.
---@field port integer? Its port.
---@field packets integer Packets that it sent.
---@field bytes integer Bytes that it sent, whole frames.
---@field payload_bytes integer Bytes that it sent above TCP, UDP or IP.
---@field payload payload The first of these bytes, in order: 2 KiB, of a server that begins with a handshake of TLS 8 KiB.
---@field eni string? The network interface with its address, by id, if there is one in the inventory.
---@field subnet string? The subnet that its address is in, by id, if there is one in the inventory.
local end_type = {}

---Whether the set holds its address.
---@param set set made by set.cidrs or set.load
---@return boolean
function end_type:is_in(set) end

---@class tls
---@field version integer The highest version offered: 0x0303 is TLS 1.2, 0x0304 TLS 1.3.
---@field version_name string The same as text: `TLS 1.2`.
---@field server_name string? The name of the server that the client asks for (SNI).
---@field ciphers integer[] The cipher suites offered, by number.
---@field alpn string[] The protocols offered: `h2`, `http/1.1`.
---@field weakest string? Why a cipher suite offered is weak: `RC4`, `export key`, `no encryption`, ...; nil if none is.
local tls_type = {}

---@class tls_answer
---@field version integer The version chosen: 0x0301 is TLS 1.0.
---@field version_name string The same as text: `TLS 1.0`.
---@field cipher integer The cipher suite chosen, by number.
---@field weakness string? Why the cipher suite chosen is weak; nil if nothing is known against it.
local tls_answer_type = {}

---@class certificate
---@field subject string? The common name of whose it is.
---@field issuer string? The common name of who gave it.
---@field not_before integer From when it holds, in seconds since 1970.
---@field not_after integer Until when it holds, in seconds since 1970.
local certificate_type = {}

---@class http
---@field method string `GET`
---@field target string What is asked for: `/index.html`.
---@field version string `HTTP/1.1`
---@field host string? The host that the request names.
---@field authorization string? The scheme of its credentials: `Basic`. The credentials are not kept.
---@field user_agent string? What the client calls itself.
local http_type = {}

---@class dns
---@field name string The name asked for, without the last dot.
---@field type string `A`, `AAAA`, `TXT`, ...; `TYPE65280` of one without a name here.
---@field response boolean It is an answer.
---@field code integer Of an answer: 0 no error, 3 no such name.
---@field answers integer How many answers there are.
local dns_type = {}

---@class source
local source_type = {}

---@class target
local target_type = {}

---@class balance
local balance_type = {}

---@class list
---@field [string] any
local list_type = {}
