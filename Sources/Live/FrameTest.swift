// What the kernel is asked about a frame, and the classic BPF program that asks it (linux/filter.h; McCanne and Jacobson 1993).
//
// 1. A load beyond a frame's end ends a program with "no", whatever else it would have asked: who makes a test asks for the
//    length first.
// 2. Programs are written from their end, so that every target is known. A conditional jump has 8 bits; where that is not enough it
//    leads to an unconditional one.
// 3. Who comes from a test of the same field has it loaded: loads are what is dear in the kernel's own program.

internal import Wire

/// A question about one frame, as the kernel has it.
indirect enum FrameTest: Hashable {
  case always, never
  /// It has so many bytes at least.
  case length(UInt32)
  case equal(Field, UInt32)
  case atLeast(Field, UInt32)
  /// A program of libpcap's, without jumps back.
  case program([BPFInstruction])
  case all([FrameTest])
  case any([FrameTest])
  case not(FrameTest)
  /// If the first, then the second, else the third.
  case choice(FrameTest, FrameTest, FrameTest)

  /// A number in network order.
  struct Field: Hashable {
    /// How it is loaded.
    enum Width: UInt16 {
      case byte = 0x30
      case half = 0x28
      case word = 0x20
    }
    var width: Width
    /// From the frame's first byte.
    var offset: UInt32
    var mask = UInt32.max
  }

  static func all(of parts: [FrameTest]) -> FrameTest {
    guard !parts.contains(.never) else { return .never }
    let rest = distinct(parts, without: .always)
    return rest.count > 1 ? .all(rest) : rest.first ?? .always
  }

  static func any(of parts: [FrameTest]) -> FrameTest {
    guard !parts.contains(.always) else { return .always }
    let rest = distinct(parts, without: .never)
    return rest.count > 1 ? .any(rest) : rest.first ?? .never
  }

  private static func distinct(_ parts: [FrameTest], without neutral: FrameTest) -> [FrameTest] {
    var met: Set<FrameTest> = [neutral]
    return parts.filter { met.insert($0).inserted }
  }

  var negated: FrameTest {
    switch self {
    case .always: .never
    case .never: .always
    case .not(let test): test
    default: .not(self)
    }
  }

  /// What it says of all frames that have this number in a field; nil: it depends.
  func answer(where known: Field, is number: UInt32) -> Bool? {
    switch self {
    case .always: true
    case .never: false
    case .equal(known, let value): value == number
    case .length, .equal, .atLeast, .program, .choice: nil
    case .all(let parts):
      parts.reduce(true) { all, part in
        let one = all == false ? false : part.answer(where: known, is: number)
        return one == false ? false : one == nil ? nil : all
      }
    case .any(let parts): FrameTest.all(parts.map(\.negated)).answer(where: known, is: number).map { !$0 }
    case .not(let part): part.answer(where: known, is: number).map { !$0 }
    }
  }

  /// A program of libpcap's is in it.
  var hasProgram: Bool {
    switch self {
    case .program: true
    case .all(let parts), .any(let parts): parts.contains(where: \.hasProgram)
    case .not(let part): part.hasProgram
    case .choice(let test, let yes, let no): test.hasProgram || yes.hasProgram || no.hasProgram
    case .always, .never, .length, .equal, .atLeast: false
    }
  }
}

/// A program, from its end.
struct FrameProgram {
  /// As many bytes as a frame may have.
  static let whole: UInt32 = 262_144

  private var reversed: [BPFInstruction] = []
  /// Tests of fields, by the place of their load: where they go on.
  private var loaded: [Int: (field: FrameTest.Field, then: Int)] = [:]

  /// Takes whole frames that pass the test.
  static func make(_ test: FrameTest) -> [BPFInstruction] {
    var program = FrameProgram()
    let reject = program.emit(BPFInstruction(code: 0x06))
    let take = program.emit(BPFInstruction(code: 0x06, k: whole))
    let entry = program.append(test, onTrue: take, onFalse: reject)
    if entry != program.reversed.count { _ = program.jump(to: entry) }
    return program.reversed.reversed()
  }

  // Places are counted from the end: the last instruction is 1.

  /// - Returns: its place.
  private mutating func emit(_ instruction: BPFInstruction) -> Int {
    reversed.append(instruction)
    return reversed.count
  }

  private mutating func jump(to place: Int) -> Int {
    emit(BPFInstruction(code: 0x05, k: UInt32(reversed.count - place)))
  }

  /// - Returns: where the test begins.
  private mutating func append(_ test: FrameTest, onTrue: Int, onFalse: Int) -> Int {
    switch test {
    case .always: return onTrue
    case .never: return onFalse
    case .length(let least):
      _ = branch(0x35, least, onTrue, onFalse)
      return emit(BPFInstruction(code: 0x80))
    case .equal(let field, let value): return compare(field, 0x15, value, onTrue, onFalse)
    case .atLeast(let field, let value): return compare(field, 0x35, value, onTrue, onFalse)
    case .program(let instructions): return embed(instructions, onTrue, onFalse)
    case .all(let parts): return parts.reversed().reduce(onTrue) { append($1, onTrue: $0, onFalse: onFalse) }
    case .any(let parts): return parts.reversed().reduce(onFalse) { append($1, onTrue: onTrue, onFalse: $0) }
    case .not(let part): return append(part, onTrue: onFalse, onFalse: onTrue)
    case .choice(let test, let yes, let no):
      let otherwise = append(no, onTrue: onTrue, onFalse: onFalse)
      let then = append(yes, onTrue: onTrue, onFalse: onFalse)
      return append(test, onTrue: then, onFalse: otherwise)
    }
  }

  private mutating func compare(
    _ field: FrameTest.Field, _ code: UInt16, _ value: UInt32, _ onTrue: Int, _ onFalse: Int
  ) -> Int {
    let targets = [onTrue, onFalse].map { place in
      if let other = loaded[place], other.field == field { other.then } else { place }
    }
    let then = branch(code, value, targets[0], targets[1])
    let place = load(field)
    loaded[place] = (field, then)
    return place
  }

  private mutating func branch(_ code: UInt16, _ value: UInt32, _ onTrue: Int, _ onFalse: Int) -> Int {
    let (yes, no) = (near(onTrue), near(onFalse))
    return emit(
      BPFInstruction(
        code: code, jumpTrue: UInt8(reversed.count - yes), jumpFalse: UInt8(reversed.count - no), k: value))
  }

  /// The place, or one that leads there and that a conditional jump reaches; two such jumps are added at most.
  private mutating func near(_ place: Int) -> Int { reversed.count - place > 250 ? jump(to: place) : place }

  private mutating func load(_ field: FrameTest.Field) -> Int {
    if field.mask != .max { _ = emit(BPFInstruction(code: 0x54, k: field.mask)) }
    return emit(BPFInstruction(code: field.width.rawValue, k: field.offset))
  }

  /// Its returns become jumps, so that its own jumps stay what they are.
  private mutating func embed(_ instructions: [BPFInstruction], _ onTrue: Int, _ onFalse: Int) -> Int {
    for instruction in instructions.reversed() {
      let isReturn = instruction.code == 0x06
      _ = isReturn ? jump(to: instruction.k != 0 ? onTrue : onFalse) : emit(instruction)
    }
    return reversed.count
  }
}
