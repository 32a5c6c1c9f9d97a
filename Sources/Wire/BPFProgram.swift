// Classic BPF (McCanne and Jacobson 1993; bpf(4) of FreeBSD, libpcap's bpf_filter): a program from elsewhere, checked
// once, then run on any packet.
//
// 1. A program that exists cannot run astray: jumps stay inside, the last instruction returns, scratch cells exist, no
//    constant divides by zero. `init` is the only way in.
// 2. It cannot run for ever: conditional jumps go forward. The unconditional one may go back, as `protochain` of
//    libpcap does, but only `BPFProgram.maximumReturns` times in a run.
// 3. A load beyond the captured bytes, and a division by a zero in X, end the program with "no match".

/// One instruction as libpcap and kernels lay it out.
@frozen public struct BPFInstruction: Sendable, Hashable, BitwiseCopyable {
  public var code: UInt16
  /// Instructions to step over when a condition is true, and when it is false.
  public var jumpTrue: UInt8
  public var jumpFalse: UInt8
  public var k: UInt32

  public init(code: UInt16, jumpTrue: UInt8 = 0, jumpFalse: UInt8 = 0, k: UInt32 = 0) {
    self.code = code
    self.jumpTrue = jumpTrue
    self.jumpFalse = jumpFalse
    self.k = k
  }
}

/// Why a list of instructions is no program; instructions count from 0.
public enum BPFProgramError: Error, Sendable, Hashable {
  case empty
  case unknownCode(instruction: Int, code: UInt16)
  case jumpOutOfRange(instruction: Int)
  case scratchOutOfRange(instruction: Int, cell: UInt32)
  case divisionByZero(instruction: Int)
  case noReturnAtEnd
}

extension BPFProgramError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .empty: "the program has no instructions"
    case .unknownCode(let at, let code): "instruction \(at) has unknown code 0x\(String(code, radix: 16))"
    case .jumpOutOfRange(let at): "instruction \(at) jumps out of the program"
    case .scratchOutOfRange(let at, let cell): "instruction \(at) uses scratch cell \(cell); there are 16, from 0"
    case .divisionByZero(let at): "instruction \(at) divides by zero"
    case .noReturnAtEnd: "the last instruction does not return"
    }
  }
}

/// A compiled pcap-filter program, run by our own interpreter.
public struct BPFProgram: Sendable, Hashable {
  public static let scratchCellCount = 16
  /// Jumps back in one run, after which the packet does not match. A chain of headers in the longest packet, each of at
  /// least eight bytes, has half as many.
  static let maximumReturns = 1 << 16

  /// An instruction whose code is known.
  struct Step: Sendable, Hashable, BitwiseCopyable {
    var code: BPFCode
    var jumpTrue: UInt8
    var jumpFalse: UInt8
    var k: UInt32
  }

  let steps: [Step]

  /// Checks a program.
  public init(_ instructions: [BPFInstruction]) throws(BPFProgramError) {
    guard !instructions.isEmpty else { throw .empty }
    var steps: [Step] = []
    for (index, instruction) in instructions.enumerated() {
      steps.append(try Self.check(instruction, index, left: instructions.count - index - 1))
    }
    self.steps = steps
  }

  public var instructions: [BPFInstruction] {
    steps.map { BPFInstruction(code: $0.code.rawValue, jumpTrue: $0.jumpTrue, jumpFalse: $0.jumpFalse, k: $0.k) }
  }

  /// - Parameter left: how many instructions follow.
  private static func check(_ instruction: BPFInstruction, _ index: Int, left: Int) throws(BPFProgramError) -> Step {
    guard let code = BPFCode(rawValue: instruction.code) else {
      throw .unknownCode(instruction: index, code: instruction.code)
    }
    if left == 0, !code.isReturn, !code.isJump { throw .noReturnAtEnd }
    let (nearest, farthest) = jumps(instruction, code)
    guard nearest >= -index - 1, farthest < left || code.isReturn else { throw .jumpOutOfRange(instruction: index) }
    if code.usesScratch, instruction.k >= UInt32(scratchCellCount) {
      throw .scratchOutOfRange(instruction: index, cell: instruction.k)
    }
    if code == .divideK || code == .moduloK, instruction.k == 0 { throw .divisionByZero(instruction: index) }
    return Step(code: code, jumpTrue: instruction.jumpTrue, jumpFalse: instruction.jumpFalse, k: instruction.k)
  }

  /// How many instructions are stepped over at least and at most; negative: back.
  private static func jumps(_ instruction: BPFInstruction, _ code: BPFCode) -> (nearest: Int, farthest: Int) {
    if code == .jump {
      let offset = Int(Int32(bitPattern: instruction.k))
      return (offset, offset)
    }
    return (0, code.isBranch ? Int(max(instruction.jumpTrue, instruction.jumpFalse)) : 0)
  }
}

/// Codes of instructions: class, size, mode or operation, and operand, as bpf(4) numbers them.
enum BPFCode: UInt16, BitwiseCopyable {
  case loadWordAbsolute = 0x20
  case loadHalfAbsolute = 0x28
  case loadByteAbsolute = 0x30
  case loadWordIndirect = 0x40
  case loadHalfIndirect = 0x48
  case loadByteIndirect = 0x50
  case loadImmediate = 0x00
  case loadScratch = 0x60
  case loadLength = 0x80

  case loadXImmediate = 0x01
  case loadXScratch = 0x61
  case loadXLength = 0x81
  /// Four times the low half of a byte: the length of an IPv4 header.
  case loadXHeaderLength = 0xb1

  case store = 0x02
  case storeX = 0x03

  case addK = 0x04
  case addX = 0x0c
  case subtractK = 0x14
  case subtractX = 0x1c
  case multiplyK = 0x24
  case multiplyX = 0x2c
  case divideK = 0x34
  case divideX = 0x3c
  case orK = 0x44
  case orX = 0x4c
  case andK = 0x54
  case andX = 0x5c
  case shiftLeftK = 0x64
  case shiftLeftX = 0x6c
  case shiftRightK = 0x74
  case shiftRightX = 0x7c
  case negate = 0x84
  case moduloK = 0x94
  case moduloX = 0x9c
  case exclusiveOrK = 0xa4
  case exclusiveOrX = 0xac

  case jump = 0x05
  case jumpEqualK = 0x15
  case jumpEqualX = 0x1d
  case jumpGreaterK = 0x25
  case jumpGreaterX = 0x2d
  case jumpGreaterOrEqualK = 0x35
  case jumpGreaterOrEqualX = 0x3d
  case jumpSetK = 0x45
  case jumpSetX = 0x4d

  case returnK = 0x06
  case returnA = 0x16

  case copyAToX = 0x07
  case copyXToA = 0x87

  var isReturn: Bool { self == .returnK || self == .returnA }
  /// The class of jumps.
  var isJump: Bool { rawValue & 7 == 5 }
  var isBranch: Bool { isJump && self != .jump }
  var usesScratch: Bool {
    switch self {
    case .loadScratch, .loadXScratch, .store, .storeX: true
    default: false
    }
  }
}
