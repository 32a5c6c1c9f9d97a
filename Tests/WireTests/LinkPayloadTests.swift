import Testing

@testable import Wire

@Suite struct LinkPayloadTests {
  private func parse(_ bytes: some Collection<UInt8>, _ decoder: LinkDecoder, in memory: GuardedMemory) -> LinkPayload {
    unsafe memory.with(bytes) { unsafe LinkPayload.parse($0, captured: bytes.count, decoder: decoder) }
  }

  /// The dressed frame carries the network header that the summary found.
  @Test(arguments: samples.filter { $0.decoder != .ethernet })
  func startsAtTheNetworkHeader(_ sample: Sample) {
    let payload = parse(sample.bytes, sample.decoder, in: GuardedMemory())
    let summary = PacketSummary.parse(sample.bytes, sample.decoder)
    if !sample.name.contains("tagged") {
      #expect(payload.offset == Int(summary.networkOffset))
      #expect(payload.etherType == (summary.ipVersion == 4 ? 0x0800 : 0x86dd))
    } else {
      #expect(payload.etherType == 0x8100 && payload.offset + 4 == Int(summary.networkOffset))
    }
  }

  /// Cut anywhere, it neither reads further nor leaves out bytes that are not there.
  @Test(arguments: samples)
  func readsNoMoreThanWasCaptured(_ sample: Sample) {
    let memory = GuardedMemory()
    for count in 0...sample.bytes.count {
      let payload = parse(sample.bytes[..<count], sample.decoder, in: memory)
      #expect(payload.offset <= count)
    }
  }

  @Test func carriesWhatHasNoEtherTypeWhole() {
    let memory = GuardedMemory()
    let unknown = LinkPayload(offset: 0, etherType: LinkPayload.unknownEtherType)
    #expect(parse(hex("00000007 00"), .null, in: memory) == unknown)
    #expect(parse(hex("0000 0001 0006 02000a14010b0000 0004 4242"), .linuxSLL, in: memory) == unknown)
    #expect(parse(hex("ff03 c021 01"), .ppp, in: memory) == unknown)
    #expect(parse(hex("ff03 0281 00010140 45"), .ppp, in: memory) == LinkPayload(offset: 4, etherType: 0x8847))
  }
}
