import Testing
import Wire

@Suite struct BPFProgramTests {
  private static let accept = BPFInstruction(code: 0x06, k: 262_144)
  private static let returnA = BPFInstruction(code: 0x16)

  /// Runs instructions, followed by "return A", on a packet.
  private func a(
    _ instructions: [BPFInstruction], on packet: [UInt8] = [], original: Int? = nil
  ) throws -> UInt32 {
    try run(instructions + [Self.returnA], on: packet, original: original)
  }

  private func run(_ instructions: [BPFInstruction], on packet: [UInt8], original: Int? = nil) throws -> UInt32 {
    let program = try BPFProgram(instructions)
    // One byte more, so that there is an address also for an empty packet.
    return unsafe (packet + [0xee]).withUnsafeBytes {
      unsafe program.run($0.baseAddress!, captured: packet.count, original: original ?? packet.count)
    }
  }

  private func load(_ value: UInt32) -> BPFInstruction { BPFInstruction(code: 0x00, k: value) }
  private func loadX(_ value: UInt32) -> BPFInstruction { BPFInstruction(code: 0x01, k: value) }

  // MARK: What is no program

  @Test func refusesWhatCouldRunAstray() {
    func error(_ instructions: [BPFInstruction]) -> BPFProgramError? {
      do throws(BPFProgramError) {
        _ = try BPFProgram(instructions)
        return nil
      } catch {
        return error
      }
    }
    #expect(error([]) == .empty)
    #expect(error([load(1)]) == .noReturnAtEnd)
    #expect(error([BPFInstruction(code: 0x05, k: 0)]) == .jumpOutOfRange(instruction: 0))
    #expect(error([BPFInstruction(code: 0x05, k: 1), Self.accept]) == .jumpOutOfRange(instruction: 0))
    #expect(error([BPFInstruction(code: 0x05, k: 0x7fff_ffff), Self.accept]) == .jumpOutOfRange(instruction: 0))
    #expect(
      error([BPFInstruction(code: 0x05, k: UInt32(bitPattern: -2)), Self.accept]) == .jumpOutOfRange(instruction: 0))
    #expect(error([BPFInstruction(code: 0x15, jumpTrue: 1), Self.accept]) == .jumpOutOfRange(instruction: 0))
    #expect(error([BPFInstruction(code: 0x1d, jumpFalse: 255), Self.accept]) == .jumpOutOfRange(instruction: 0))
    #expect(error([BPFInstruction(code: 0x34, k: 0), Self.accept]) == .divisionByZero(instruction: 0))
    #expect(error([BPFInstruction(code: 0x94, k: 0), Self.accept]) == .divisionByZero(instruction: 0))
    for code: UInt16 in [0x60, 0x61, 0x02, 0x03] {
      #expect(
        error([BPFInstruction(code: code, k: 16), Self.accept]) == .scratchOutOfRange(instruction: 0, cell: 16))
      #expect(error([BPFInstruction(code: code, k: 15), Self.accept]) == nil)
    }
    for code: UInt16 in [0x08, 0x21, 0xa0, 0x26, 0xb4, 0xc5, 0xffff, 0x8000] {
      #expect(error([BPFInstruction(code: code), Self.accept]) == .unknownCode(instruction: 0, code: code))
    }
    #expect(error([Self.accept]) == nil)
    #expect(error([BPFInstruction(code: 0x05, k: 0), Self.accept]) == nil)
  }

  @Test func givesItsInstructionsBack() throws {
    let instructions = [BPFInstruction(code: 0x15, jumpTrue: 1, jumpFalse: 0, k: 7), Self.accept, Self.returnA]
    #expect(try BPFProgram(instructions).instructions == instructions)
  }

  @Test func noInstructionsAtRandomMakeItTrap() throws {
    var random = SystemRandomNumberGenerator()
    var programs = 0
    let codes: [UInt16] = [
      0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x00, 0x60, 0x80, 0x01, 0x61, 0x81, 0xb1, 0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c,
      0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x84, 0x94, 0x9c, 0xa4, 0xac, 0x05, 0x15,
      0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x06, 0x16, 0x07, 0x87,
    ]
    let numbers: [UInt32] = [0, 1, 2, 3, 7, 15, 16, 31, 32, 33, 60, 63, 64, 0x7fff_ffff, 0x8000_0000, .max]
    for _ in 0..<4000 {
      let instructions = (0..<Int.random(in: 1...12)).map { _ in
        BPFInstruction(
          code: codes.randomElement(using: &random)!, jumpTrue: .random(in: 0...4), jumpFalse: .random(in: 0...4),
          k: numbers.randomElement(using: &random)!)
      }
      guard (try? BPFProgram(instructions + [Self.returnA])) != nil else { continue }
      programs += 1
      _ = try a(instructions, on: (0..<Int.random(in: 0...64)).map { _ in .random(in: 0...255) })
    }
    #expect(programs > 200)
  }

  // MARK: Loads

  @Test(arguments: [(UInt16(0x20), 4), (0x28, 2), (0x30, 1)])
  func loadsUpToTheLastCapturedByteAndRejectsBeyond(_ code: UInt16, _ size: Int) throws {
    let packet: [UInt8] = [0x81, 0x82, 0x83, 0x84, 0x85, 0x86]
    for offset in 0..<10 {
      let inside = offset + size <= packet.count
      let value = inside ? packet[offset..<offset + size].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } : 0
      let absolute = [BPFInstruction(code: code, k: UInt32(offset))]
      #expect(try a(absolute, on: packet) == value)
      // X + k, with a part in each
      let indirect = [loadX(UInt32(offset / 2)), BPFInstruction(code: code + 0x20, k: UInt32(offset - offset / 2))]
      #expect(try a(indirect, on: packet) == value)
      #expect(try run(absolute + [Self.accept], on: packet) == (inside ? 262_144 : 0))
    }
  }

  @Test(arguments: [UInt16(0x20), 0x28, 0x30, 0x40, 0x48, 0x50, 0xb1])
  func rejectsOffsetsThatWouldWrapRound(_ code: UInt16) throws {
    for k: UInt32 in [.max, .max - 1, .max - 3, 0x8000_0000, 0xffff_f000] {
      #expect(try run([loadX(4), BPFInstruction(code: code, k: k), Self.accept], on: [1, 2, 3, 4, 5, 6, 7, 8]) == 0)
    }
  }

  @Test func loadsLengthsAndHeaderLengths() throws {
    #expect(try a([BPFInstruction(code: 0x80)], on: [1, 2], original: 1500) == 1500)
    #expect(try a([BPFInstruction(code: 0x81), BPFInstruction(code: 0x87)], on: [1, 2], original: 1500) == 1500)
    #expect(try a([BPFInstruction(code: 0xb1, k: 1), BPFInstruction(code: 0x87)], on: [0, 0x46]) == 24)
    #expect(try run([BPFInstruction(code: 0xb1, k: 2), Self.accept], on: [0, 0x46]) == 0)
    #expect(try a([BPFInstruction(code: 0x80)], on: [], original: .max) == .max)
  }

  @Test func remembersInScratchCells() throws {
    for cell: UInt32 in 0..<16 {
      let program = [
        load(41), BPFInstruction(code: 0x02, k: cell), loadX(9), BPFInstruction(code: 0x03, k: (cell + 1) % 16),
        load(0), loadX(0), BPFInstruction(code: 0x60, k: (cell + 1) % 16), BPFInstruction(code: 0x61, k: cell),
        BPFInstruction(code: 0x0c),
      ]
      #expect(try a(program) == 50)
      #expect(try a([BPFInstruction(code: 0x60, k: cell)]) == 0)
    }
  }

  // MARK: Arithmetic

  @Test func calculatesWithoutOverflowTraps() throws {
    let cases: [(code: UInt16, a: UInt32, operand: UInt32, result: UInt32)] = [
      (0x04, 0xffff_ffff, 2, 1), (0x14, 1, 2, 0xffff_ffff), (0x24, 0x8000_0001, 2, 2), (0x34, 7, 2, 3),
      (0x44, 5, 10, 15), (0x54, 7, 12, 4), (0x64, 1, 31, 0x8000_0000), (0x74, 0x8000_0000, 31, 1), (0x94, 7, 4, 3),
      (0xa4, 6, 3, 5), (0x64, 1, 32, 0), (0x74, 1, 32, 0), (0x64, 1, .max, 0), (0x74, .max, 0x8000_0000, 0),
    ]
    for (code, value, operand, result) in cases {
      #expect(try a([load(value), BPFInstruction(code: code, k: operand)]) == result)
      // the same with X: bit 3 of the code
      #expect(try a([load(value), loadX(operand), BPFInstruction(code: code | 8)]) == result)
    }
    #expect(try a([load(1), BPFInstruction(code: 0x84)]) == .max)
    #expect(try a([load(0x8000_0000), BPFInstruction(code: 0x84)]) == 0x8000_0000)
    #expect(try a([load(3), BPFInstruction(code: 0x07), load(0), BPFInstruction(code: 0x87)]) == 3)
  }

  @Test(arguments: [UInt16(0x3c), 0x9c])
  func divisionByAZeroInXRejects(_ code: UInt16) throws {
    #expect(try run([load(8), loadX(0), BPFInstruction(code: code), Self.accept], on: []) == 0)
  }

  // MARK: Jumps

  @Test func jumpsByUnsignedComparison() throws {
    let values: [UInt32] = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, .max]
    let tests: [(code: UInt16, holds: (UInt32, UInt32) -> Bool)] = [
      (0x15, { $0 == $1 }), (0x25, { $0 > $1 }), (0x35, { $0 >= $1 }), (0x45, { $0 & $1 != 0 }),
    ]
    for (code, holds) in tests {
      for first in values {
        for second in values {
          let expected: UInt32 = holds(first, second) ? 1 : 2
          let ends = [
            BPFInstruction(code: 0x06, k: 7), BPFInstruction(code: 0x06, k: 1), BPFInstruction(code: 0x06, k: 2),
          ]
          let byK = BPFInstruction(code: code, jumpTrue: 1, jumpFalse: 2, k: second)
          #expect(try run([load(first), byK] + ends, on: []) == expected)
          let byX = BPFInstruction(code: code | 8, jumpTrue: 1, jumpFalse: 2)
          #expect(try run([load(first), loadX(second), byX] + ends, on: []) == expected)
        }
      }
    }
    #expect(
      try run([BPFInstruction(code: 0x05, k: 1), BPFInstruction(code: 0x06, k: 7), Self.accept], on: []) == 262_144)
  }
  @Test func aLoopEndsByItselfOrAfterSomeTime() throws {
    let back = UInt32(bitPattern: -3)
    // a += 1 until it is 1000, then return it
    let loop = [
      BPFInstruction(code: 0x04, k: 1), BPFInstruction(code: 0x15, jumpTrue: 1, k: 1000),
      BPFInstruction(code: 0x05, k: back),
    ]
    #expect(try a(loop) == 1000)
    #expect(try run([BPFInstruction(code: 0x05, k: UInt32(bitPattern: -1)), Self.accept], on: []) == 0)
  }
}
