internal import Glibc
internal import LuaRuntime

/// Borrowed bytes of the packet being judged.
@safe private struct PayloadView {
  var bytes: UnsafeRawBufferPointer
}

extension APIEntry {
  static let payloadEntries: [APIEntry] = [
    payload("byte", [position], "integer?", "The byte at a position; nil beyond the end.", "packet.payload:byte(1)") {
      call, view throws(HostFailure) in unsafe pushNumber(call, view.bytes, width: 1)
    },
    payload(
      "u16", [position], "integer?", "The big-endian number of 2 bytes at a position; nil if they are not all there.",
      "packet.payload:u16(1)"
    ) {
      call, view throws(HostFailure) in unsafe pushNumber(call, view.bytes, width: 2)
    },
    payload(
      "u32", [position], "integer?", "The big-endian number of 4 bytes at a position; nil if they are not all there.",
      "packet.payload:u32(1)"
    ) {
      call, view throws(HostFailure) in unsafe pushNumber(call, view.bytes, width: 4)
    },
    payload(
      "sub",
      [
        APIParameter("first", .integer, "from 1; negative from the end"),
        APIParameter("last", .integer, "the last one if not given", optional: true),
      ], "string", "The bytes as a string, as string.sub counts.", "packet.payload:sub(1, 4)"
    ) { call, view throws(HostFailure) in
      let bytes = unsafe view.bytes
      let range = slice(call.integer(1) ?? 1, call.integer(2) ?? -1, count: bytes.count)
      call.charge(range.count / 16)
      unsafe call.push(bytes: UnsafeRawBufferPointer(rebasing: bytes[range]))
    },
    payload(
      "find",
      [
        APIParameter("text", .string, "no pattern: these bytes"),
        APIParameter("first", .integer, "where to begin, from 1", optional: true),
      ], "integer?", "Where the bytes first occur, from 1, or nil.", #"packet.payload:find("Host: ")"#
    ) { call, view throws(HostFailure) in
      let bytes = unsafe view.bytes
      guard let text = unsafe call.bytes(1) else { return call.pushNil() }
      let range = slice(call.integer(2) ?? 1, -1, count: bytes.count)
      call.charge(range.count / 8 + text.count / 8)
      guard let found = unsafe search(UnsafeRawBufferPointer(rebasing: bytes[range]), text) else {
        return call.pushNil()
      }
      call.push(Int64(range.lowerBound + found + 1))
    },
    payload(
      "starts", [APIParameter("text", .string, "these bytes")], "boolean", "Whether it begins with the bytes.",
      #"packet.payload:starts("GET ")"#
    ) {
      call, view throws(HostFailure) in
      let bytes = unsafe view.bytes
      guard let text = unsafe call.bytes(1), text.count <= bytes.count else { return call.push(false) }
      call.charge(text.count / 16)
      call.push(unsafe bytes.prefix(text.count).elementsEqual(text))
    },
    APIEntry(
      owner: .type(.payload), name: "#", returns: "integer", doc: "How many bytes of it were captured.",
      example: "#packet.payload",
      binding: .operation(.length) { context, call throws(HostFailure) in
        guard let base = unsafe call.record(0, of: context.types.record(.payload)) else { return call.push(0 as Int64) }
        call.push(Int64(unsafe PacketRecord.at(base).pointee.payload.count))
      }),
  ]

  private static let position = APIParameter("position", .integer, "from 1")

  private typealias Read = @Sendable (HostCall, PayloadView) throws(HostFailure) -> Void

  private static func payload(
    _ name: String, _ parameters: [APIParameter], _ returns: String, _ doc: String, _ example: String,
    read: @escaping Read
  ) -> APIEntry {
    APIEntry(
      owner: .type(.payload), name: name, parameters: parameters, returns: returns, doc: doc, example: example,
      binding: .method { context, call throws(HostFailure) in
        guard let base = unsafe call.record(0, of: context.types.record(.payload)) else {
          throw HostFailure("payload:\(name) is called with a colon")
        }
        try read(call, unsafe PayloadView(bytes: PacketRecord.at(base).pointee.payload))
      })
  }

  private static func pushNumber(_ call: HostCall, _ bytes: UnsafeRawBufferPointer, width: Int) {
    guard let position = call.integer(1), position >= 1, position <= Int64(bytes.count - width + 1) else {
      return call.pushNil()
    }
    var number: Int64 = 0
    for offset in 0..<width { number = unsafe number << 8 | Int64(bytes[Int(position) - 1 + offset]) }
    call.push(number)
  }

  /// The offsets that `string.sub(first, last)` means.
  private static func slice(_ first: Int64, _ last: Int64, count: Int) -> Range<Int> {
    let length = Int64(count)
    let start = first < 0 ? max(1, first < -length ? 1 : length + first + 1) : max(1, first)
    let end = last < 0 ? (last < -length ? 0 : length + last + 1) : min(last, length)
    return start > end ? 0..<0 : Int(start - 1)..<Int(end)
  }

  /// Knuth, Morris and Pratt: time linear in both lengths, whatever the bytes.
  private static func search(_ bytes: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer) -> Int? {
    guard text.count > 0 else { return 0 }
    let borders = unsafe borders(of: text)
    var matched = 0
    var position = 0
    while position < bytes.count {
      if matched == 0 {
        guard let start = bytes.baseAddress,
          let next = unsafe memchr(start + position, Int32(text[0]), bytes.count - position)
        else { return nil }
        position = unsafe UnsafeRawPointer(next) - start
      }
      while matched > 0, unsafe bytes[position] != text[matched] { matched = borders[matched - 1] }
      if unsafe bytes[position] == text[matched] { matched += 1 }
      position += 1
      if matched == text.count { return position - matched }
    }
    return nil
  }

  /// By prefix: the length of the longest part that is both its beginning and its end.
  private static func borders(of text: UnsafeRawBufferPointer) -> [Int] {
    var borders = [0]
    var length = 0
    for position in 1..<max(1, text.count) {
      while length > 0, unsafe text[position] != text[length] { length = borders[length - 1] }
      if unsafe text[position] == text[length] { length += 1 }
      borders.append(length)
    }
    return borders
  }
}
