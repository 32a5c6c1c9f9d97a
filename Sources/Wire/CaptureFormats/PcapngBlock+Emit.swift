extension PcapngOption {
  /// Longest text that is written into an option.
  static let maximumTextByteCount = PcapngInterface.maximumNameByteCount

  /// Appends one option with its padding; a longer text is cut at a character.
  static func emit(_ code: UInt16, text: String, to bytes: inout [UInt8]) {
    var text = text[...]
    while text.utf8.count > maximumTextByteCount { text.removeLast() }
    emit(code, value: Array(text.utf8), to: &bytes)
  }

  static func emit(_ code: UInt16, value: [UInt8], to bytes: inout [UInt8]) {
    bytes.append(number: code)
    bytes.append(number: UInt16(truncatingIfNeeded: value.count))
    bytes += value
    bytes += [UInt8](repeating: 0, count: -value.count & 3)
  }

  static func emitEnd(to bytes: inout [UInt8]) { bytes.append(number: UInt32(0)) }

  /// The options of a packet Moontap writes: epb_flags (its value is the four bytes at offset 4), comment, end.
  ///
  /// - Parameter isOutbound: nil: which way it went is not known.
  public static func emitPacketOptions(comment: String, isOutbound: Bool? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    var flags: [UInt8] = []
    flags.append(number: UInt32(isOutbound.map { $0 ? 2 : 1 } ?? 0))
    emit(PcapngOptionCode.packetFlags, value: flags, to: &bytes)
    emit(PcapngOptionCode.comment, text: comment, to: &bytes)
    emitEnd(to: &bytes)
    return bytes
  }
}

extension PcapngSectionHeader {
  /// A whole block in the machine's byte order, section length unknown.
  public static func emit(application: String) -> [UInt8] {
    var body: [UInt8] = []
    body.append(number: UInt32(0x1a2b_3c4d))
    body.append(number: UInt16(1))
    body.append(number: UInt16(0))
    body.append(number: UInt64.max)
    PcapngOption.emit(PcapngOptionCode.userApplication, text: application, to: &body)
    PcapngOption.emitEnd(to: &body)
    return emitBlock(PcapngBlockType.sectionHeader, body: body)
  }
}

extension PcapngInterface {
  /// A whole block in the machine's byte order, with nanosecond timestamps.
  public static func emit(linkType: LinkType, snapLength: UInt32, name: String?) -> [UInt8] {
    var body: [UInt8] = []
    body.append(number: linkType.rawValue)
    body.append(number: UInt16(0))
    body.append(number: snapLength)
    if let name { PcapngOption.emit(PcapngOptionCode.interfaceName, text: name, to: &body) }
    PcapngOption.emit(PcapngOptionCode.timestampResolution, value: [9], to: &body)
    PcapngOption.emitEnd(to: &body)
    return emitBlock(PcapngBlockType.interfaceDescription, body: body)
  }
}

/// Type, length, body, length; `body` is a multiple of four bytes.
private func emitBlock(_ type: UInt32, body: [UInt8]) -> [UInt8] {
  let total = UInt32(truncatingIfNeeded: body.count + 12)
  var bytes: [UInt8] = []
  bytes.append(number: type)
  bytes.append(number: total)
  bytes += body
  bytes.append(number: total)
  return bytes
}
