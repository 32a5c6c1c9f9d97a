import Testing

@testable import LuaRuntime

private struct Inner {
  var sequence: UInt32 = 9
}

private struct Packet {
  var flags: UInt8 = 0b101
  var proto: UInt8 = 6
  var port: UInt16 = 443
  var length: UInt32 = 1500
  var bytes: UInt64 = 1 << 40
  var time: Int64 = -5
  var ratio: Double = 0.5
  var tcp = Inner()
}

private func offset(_ path: PartialKeyPath<Packet>) -> Int { MemoryLayout<Packet>.offset(of: path)! }

/// Lets the library's closures reach the bench without keeping it alive.
private final class Link {
  weak var bench: PacketBench?
}

/// A bench whose scripts get packets; `made` counts how often the text was made.
@safe private final class PacketBench {
  let bench: Bench
  let type: RecordTypeID
  var elsewhere: UnsafeMutablePointer<Packet>?
  var made = 0

  init() throws {
    var id: RecordTypeID?
    let link = Link()
    bench = try Bench { library in
      let packet = library.declareRecordType("packet")
      let tcp = library.declareRecordType("tcp")
      var inner = RecordType("tcp")
      inner.fields = [RecordField("seq", .unsigned32(offset: 0))]
      library.define(tcp, as: inner)
      unsafe library.define(
        packet, as: describe(packet, tcp, { link.bench?.made += 1 }, { unsafe link.bench?.elsewhere }))
      id = packet
    }
    type = id!
    link.bench = self
  }

  func call(_ packet: Packet = Packet(), limits: LuaLimits = .callback) throws(LuaError) -> LuaResult {
    guard case .function(let function)? = bench.kept.last else { throw LuaError(.runtime, "nothing was kept") }
    var result: Result<LuaResult, LuaError>?
    unsafe withUnsafePointer(to: packet) { base in
      result = Result { () throws(LuaError) in
        try unsafe bench.state.call(function, record: type, at: base, limits: limits)
      }
    }
    return try result!.get()
  }

  /// What a function that returns `expression` of its packet `p` answers.
  func evaluate(_ expression: String, _ packet: Packet = Packet()) throws -> LuaResult {
    try bench.run("keep(function(p) return \(expression) end)")
    return try call(packet)
  }

  func failure(_ expression: String) throws -> LuaError {
    do { _ = try evaluate(expression) } catch let error as LuaError { return error }
    Issue.record("no failure: \(expression)")
    return LuaError(.runtime, "")
  }
}

private func describe(
  _ packet: RecordTypeID, _ tcp: RecordTypeID, _ note: @escaping () -> Void,
  _ elsewhere: @escaping () -> UnsafeMutablePointer<Packet>?
) -> RecordType {
  var type = RecordType("packet")
  type.fields = unsafe [
    RecordField("protocol", .named(offset: offset(\.proto), names: [6: "tcp", 17: "udp"])),
    RecordField("destination_port", .unsigned16(offset: offset(\.port)), presence: RecordBit(offset: 0, bit: 0)),
    RecordField("source_port", .unsigned16(offset: offset(\.port)), presence: RecordBit(offset: 0, bit: 1)),
    RecordField("length", .unsigned32(offset: offset(\.length))),
    RecordField("bytes", .unsigned64(offset: offset(\.bytes))),
    RecordField("time", .signed64(offset: offset(\.time))),
    RecordField("ratio", .double(offset: offset(\.ratio))),
    RecordField("flags", .unsigned8(offset: 0)),
    RecordField("syn", .boolean(RecordBit(offset: 0, bit: 2))),
    RecordField("fin", .boolean(RecordBit(offset: 0, bit: 1))),
    RecordField("tcp", .record(tcp, offset: offset(\.tcp))),
    RecordField("state", .table(offset: offset(\.length))),
    RecordField(
      "inner", .recordElsewhere(packet) { _ in unsafe elsewhere().map { UnsafeRawPointer($0) } }),
    RecordField(
      "source",
      .text { base, buffer in
        note()
        let port = unsafe base.load(fromByteOffset: offset(\.port), as: UInt16.self)
        let text = Array("10.0.0.\(port)".utf8)
        unsafe buffer.copyBytes(from: text)
        return text.count
      }),
    RecordField("none", .text { _, _ in nil }),
    RecordField(
      "twice",
      .value { call throws(HostFailure) in
        guard let base = unsafe call.record(0, of: packet) else { throw HostFailure("no packet") }
        call.push(Int64(unsafe base.load(fromByteOffset: offset(\.port), as: UInt16.self)) * 2)
      }),
  ]
  type.methods = [
    (
      "add",
      { call throws(HostFailure) in
        guard unsafe call.record(0, of: packet) != nil else { throw HostFailure(argument: 1, "expected a packet") }
        call.push((call.integer(1) ?? 0) + 1)
      }
    ),
    (
      "copy",
      { call throws(HostFailure) in
        guard let base = unsafe call.record(0, of: packet) else { throw HostFailure("no packet") }
        unsafe call.push(record: packet, at: base, pinned: false)
      }
    ),
  ]
  type.length = { call throws(HostFailure) in call.push(Int64(99)) }
  type.describe = { call throws(HostFailure) in call.push("a packet") }
  return type
}

@Test func readsEveryKindOfField() throws {
  let packets = try PacketBench()
  for (source, expected) in [
    ("p.protocol", LuaResult.string("tcp")), ("p.destination_port", .integer(443)), ("p.source_port", .nil),
    ("p.length", .integer(1500)), ("p.bytes", .integer(1 << 40)), ("p.time", .integer(-5)), ("p.ratio", .number(0.5)),
    ("p.flags", .integer(5)), ("p.syn", .boolean(true)), ("p.fin", .boolean(false)), ("p.tcp.seq", .integer(9)),
    ("p.source", .string("10.0.0.443")), ("p.none", .nil), ("p.twice", .integer(886)), ("p:add(4)", .integer(5)),
    ("#p", .integer(99)), ("tostring(p)", .string("a packet")), ("p.inner", .nil), ("p", .other("packet")),
    ("p:copy().length", .integer(1500)), ("p.tcp == p.tcp", .boolean(true)), ("type(p)", .string("userdata")),
  ] {
    #expect(try packets.evaluate(source) == expected, "\(source)")
  }
  #expect(try packets.evaluate("p.protocol", Packet(proto: 99)) == .integer(99))
}

@Test func makesATextOncePerCall() throws {
  let packets = try PacketBench()
  #expect(
    try packets.evaluate("p.source .. p.source .. p.source", Packet(port: 1)) == .string("10.0.0.110.0.0.110.0.0.1"))
  #expect(packets.made == 1)
  #expect(try packets.call(Packet(port: 2)) == .string("10.0.0.210.0.0.210.0.0.2"))
  #expect(packets.made == 2)
}

@Test func suggestsTheNearestField() throws {
  let packets = try PacketBench()
  #expect(
    try packets.failure("p.destination_prot").message
      == "no field 'destination_prot' in packet; did you mean 'destination_port'?")
  #expect(try packets.failure("p.zzzzzzzzzz").message == "no field 'zzzzzzzzzz' in packet")
  #expect(try packets.failure("p.tcp.sek").message == "no field 'sek' in tcp; did you mean 'seq'?")
  #expect(try packets.failure("p[('x'):rep(99)]").message.hasPrefix("no field 'xxxx"))
  #expect(try packets.failure("p[1]").message == "packet has no key of type number")
  #expect(try packets.failure("p.add()").message.contains("expected a packet"))
  #expect(
    try packets.failure("pcall(function() p.length = 1 end) or p:lenght()").message.contains("did you mean 'length'?"))
}

@Test func raisesForRecordsUsedAfterTheirCall() throws {
  let packets = try PacketBench()
  try packets.bench.run("keep(function(p) old, tcp, own = p, p.tcp, p:copy() return true end)")
  #expect(try packets.call() == .boolean(true))
  for use in [
    "old.length", "tcp.seq", "own.length", "tostring(old)", "#old", "old:add(1)", "keep(old)", "old.nonsense",
  ] {
    let error = packets.bench.failure("\nreturn \(use)")
    #expect(error.kind == .stale, "\(use): \(error)")
    #expect(error.message.hasSuffix("used outside its callback"))
    #expect(error.place?.line == 2)
  }
  #expect(try packets.evaluate("pcall(function() return tcp.seq end)") == .boolean(false))
  #expect(try packets.evaluate("pcall(function() return own.length end)") == .boolean(false))
}

@Test func readsRecordsWithinRecords() throws {
  let packets = try PacketBench()
  let inner = UnsafeMutablePointer<Packet>.allocate(capacity: 1)
  unsafe inner.initialize(to: Packet(port: 53))
  defer { unsafe inner.deallocate() }
  unsafe packets.elsewhere = inner
  defer { unsafe packets.elsewhere = nil }
  #expect(
    try packets.evaluate("p.destination_port .. p.inner.destination_port .. p.inner.source")
      == .string("4435310.0.0.53"))
  #expect(try packets.evaluate("p.inner.inner.inner.tcp.seq") == .integer(9))
}

@Test func keepsATablePerNumber() throws {
  let packets = try PacketBench()
  try packets.bench.run("keep(function(p) local s = p.state s.n = (s.n or 0) + 1 return s.n end)")
  #expect(try packets.call(Packet(length: 1)) == .integer(1))
  #expect(try packets.call(Packet(length: 1)) == .integer(2))
  #expect(try packets.call(Packet(length: 2)) == .integer(1))
  packets.bench.state.dropTable(1)
  packets.bench.state.dropTable(77)
  #expect(try packets.call(Packet(length: 1)) == .integer(1))
  #expect(try packets.call(Packet(length: 2)) == .integer(2))
}

@Test func manyNumbersMakeTheOldestTablesGiveWay() throws {
  let packets = try PacketBench()
  try packets.bench.run("keep(function(p) local s = p.state s.n = (s.n or 0) + 1 s.text = 'x' return s.n end)")
  for number in 1...100_000 { _ = try packets.call(Packet(length: UInt32(number))) }
  let forgotten = packets.bench.state.forgottenTables
  #expect(forgotten >= 100_000 - 16_384 && forgotten <= 100_000 - 8_192)
  #expect(try packets.call(Packet(length: 1)) == .integer(1))
  for number in stride(from: 100_000, to: 100_000 - 8_191, by: -1) {
    #expect(try packets.call(Packet(length: UInt32(number))) == .integer(2), "\(number)")
  }
}

@Test func whatIsAskedForAgainAndAgainKeepsItsTable() throws {
  let packets = try PacketBench()
  try packets.bench.run("keep(function(p) local s = p.state s.n = (s.n or 0) + 1 return s.n end)")
  for number in 1...50_000 {
    _ = try packets.call(Packet(length: UInt32(number + 10)))
    if number % 1000 == 0 { #expect(try packets.call(Packet(length: 1)) == .integer(Int64(number / 1000))) }
  }
  for number in 1...50_000 { packets.bench.state.dropTable(UInt32(number + 10)) }
  packets.bench.state.dropTable(1)
  #expect(try packets.call(Packet(length: 1)) == .integer(1))
}

@Test func allocatesNothingForRecordCalls() throws {
  let packets = try PacketBench()
  try packets.bench.run(
    "keep(function(p) return p.protocol == 'tcp' and p.destination_port == 443 and p.tcp.seq == 9 end)")
  for _ in 0..<10 { _ = try packets.call() }
  let before = packets.bench.state.memory.allocations
  for _ in 0..<1000 { #expect(try packets.call() == .boolean(true)) }
  #expect(packets.bench.state.memory.allocations == before)
}

/// Every way in which a function can have its record, or what it got from it, survive the call. `p` is this call's,
/// `last` what an earlier call kept.
@Test(arguments: [
  "local last keep(function(p) local v = VIEW if last then return last.USE end last = v return true end)",
  "last = false keep(function(p) if last then return last.USE end last = VIEW return true end)",
  "local t = {} keep(function(p) if t.x then return t.x.USE end t.x = VIEW return true end)",
  "local t = {} keep(function(p) if t[1] then return t[1].USE end t[1] = VIEW return true end)",
  "local t = {} keep(function(p) local k = 'k' if t[k] then return t[k].USE end t[k] = VIEW return true end)",
  "local t = {} keep(function(p) if t.x then return t.x[1].USE end t.x = {VIEW} return true end)",
  "local t = {} keep(function(p) for k in pairs(t) do return k.USE end t[VIEW] = true return true end)",
  "local t = {} keep(function(p) if t[1] then return t[1].USE end table.insert(t, VIEW) return true end)",
  "local t keep(function(p) if t then return t[1].USE end t = table.pack(VIEW) return true end)",
  "local f keep(function(p) if f then return f().USE end local v = VIEW f = function() return v end return true end)",
  "local x local function k(v) x = v end keep(function(p) if x then return x.USE end k(VIEW) return true end)",
  "local t = {} function t.k(v) t.x = v end keep(function(p) if t.x then return t.x.USE end t.k(VIEW) return true end)",
  "local t = {} function t:k(v) t.x = v end keep(function(p) if t.x then return t.x.USE end t:k(VIEW) return true end)",
  "local t = {} keep(function(...) if t.x then return t.x.USE end local p = ... t.x = VIEW return true end)",
  "local x local function k(v) x = v end keep(function(p) if x then return x.USE end for _ in k, VIEW do end return true end)",
  "local x local function k(v) x = v end keep(function(p) if x then return x.USE end pcall(k, VIEW) return true end)",
  "local x local function k(v) x = v end local function g(p) if x then return x.USE end return k(VIEW) or true end keep(g)",
  "keep(function(p) local s = p.state if s.x then return s.x.USE end s.x = VIEW return true end)",
])
func raisesForWhatAnEarlierCallKept(source: String) throws {
  for (view, use) in [
    ("p", "length"), ("p", "source"), ("p", "tcp.seq"), ("p", "twice"), ("p", "inner"), ("p.tcp", "seq"),
    ("p.inner", "length"), ("p.inner.tcp", "seq"), ("p:copy()", "length"),
  ] {
    let packets = try PacketBench()
    let inner = UnsafeMutablePointer<Packet>.allocate(capacity: 1)
    unsafe inner.initialize(to: Packet())
    defer { unsafe inner.deallocate() }
    unsafe packets.elsewhere = inner
    defer { unsafe packets.elsewhere = nil }
    let text = replacing("USE", with: use, in: replacing("VIEW", with: view, in: source))
    try packets.bench.run(text)
    #expect(try packets.call() == .boolean(true), "\(text)")
    do throws(LuaError) {
      let result = try packets.call()
      Issue.record("no failure, but \(result): \(text)")
    } catch {
      #expect(error.kind == .stale, "\(error): \(text)")
      #expect(error.message.hasSuffix("used outside its callback"))
    }
  }
}

private func replacing(_ word: String, with other: String, in text: String) -> String {
  text.split(separator: word, omittingEmptySubsequences: false).joined(separator: other)
}

/// A function that keeps what it got, beside one that cannot keep and may share what it is lent: neither sees the other's.
@Test func sharesNoRecordBetweenFunctionsThatKeepAndThoseThatCannot() throws {
  let packets = try PacketBench()
  try packets.bench.run(
    """
    last, tcp, same = nil, nil, false
    keep(function(p)
      same = same or rawequal(last, p) or rawequal(tcp, p.tcp)
      last, tcp = p, p.tcp
      return same
    end)
    """)
  let keeping = packets.bench.kept
  for _ in 0..<3 {
    packets.bench.kept = keeping
    #expect(try packets.call() == .boolean(false))
    for expression in ["last == p", "tcp == p.tcp"] {
      #expect(try packets.evaluate(expression) == .boolean(false))
    }
    for expression in ["p.tcp.seq == 9 and last.length", "p.length == 1500 and tcp.seq"] {
      #expect(try packets.failure(expression).kind == .stale)
    }
  }
}

/// What is made for a call is garbage after it: the heap does not grow, and a heap that is full is a memory error.
@Test func makesAFreshRecordForFunctionsThatCouldKeepIt() throws {
  let packets = try PacketBench()
  try packets.bench.run("n = 0 keep(function(p) n = n + 1 return p.tcp.seq == 9 end)")
  let before = packets.bench.state.memory
  for _ in 0..<20_000 { #expect(try packets.call() == .boolean(true)) }
  #expect(packets.bench.state.memory.allocations >= before.allocations + 40_000)
  #expect(packets.bench.state.memory.peak < before.live + (64 << 10))
  packets.bench.state.failAllocations(from: 1)
  do throws(LuaError) {
    let result = try packets.call()
    Issue.record("no failure, but \(result)")
  } catch {
    #expect(error.kind == .memory)
  }
  packets.bench.state.failAllocations(from: 0)
  #expect(try packets.call() == .boolean(true))
}

/// A reference that is given away again says nothing of the function that had it before.
@Test func judgesAFunctionThatGetsAReleasedReference() throws {
  let packets = try PacketBench()
  try packets.bench.run("keep(function(p) return p.length == 1500 end)")
  let first = try packets.bench.function
  #expect(try packets.call() == .boolean(true))
  packets.bench.state.release(first)
  try packets.bench.run("local l keep(function(p) if l then return l.length end l = p return true end)")
  #expect(try packets.bench.function.id == first.id)
  #expect(try packets.call() == .boolean(true))
  #expect(throws: LuaError.self) { try packets.call() }
}

@Test func limitsRecordCalls() throws {
  let packets = try PacketBench()
  try packets.bench.run("\nkeep(function(p) while p.length do end end)")
  for _ in 0..<3 {
    do throws(LuaError) { _ = try packets.call() } catch {
      #expect(error.kind == .cpu)
      #expect(error.place == LuaPlace(chunk: "test.lua", line: 2))
    }
  }
}
