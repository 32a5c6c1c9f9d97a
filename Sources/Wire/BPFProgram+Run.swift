extension BPFProgram {
  /// Runs the program on a packet.
  ///
  /// - Parameters:
  ///   - captured: bytes that may be read at `bytes`.
  ///   - original: what the program sees as the packet's length.
  /// - Returns: 0 when the packet does not match, else how many bytes of it to keep.
  public func run(_ bytes: UnsafeRawPointer, captured: Int, original: Int) -> UInt32 {
    unsafe steps.withUnsafeBufferPointer { program in
      var machine = BPFMachine(length: UInt32(clamping: original))
      return unsafe machine.run(program.baseAddress!, UnsafeRawBufferPointer(start: bytes, count: captured))
    }
  }
}

/// The registers of the machine while it runs.
private struct BPFMachine {
  let length: UInt32
  var a: UInt32 = 0
  var x: UInt32 = 0
  /// Jumps back so far.
  var returns = 0
  var scratch = [16 of UInt32](repeating: 0)

  init(length: UInt32) { self.length = length }

  /// Safe because: `BPFProgram.init` has checked that every step stays inside the program, and every load is checked
  /// against the packet here.
  mutating func run(_ program: UnsafePointer<BPFProgram.Step>, _ packet: UnsafeRawBufferPointer) -> UInt32 {
    var next = unsafe program
    while true {
      let step = unsafe next.pointee
      unsafe next += 1
      let k = step.k
      switch step.code {
      case .loadWordAbsolute: guard unsafe loadWord(packet, UInt64(k)) else { return 0 }
      case .loadHalfAbsolute: guard unsafe loadHalf(packet, UInt64(k)) else { return 0 }
      case .loadByteAbsolute: guard unsafe loadByte(packet, UInt64(k)) else { return 0 }
      case .loadWordIndirect: guard unsafe loadWord(packet, UInt64(x) + UInt64(k)) else { return 0 }
      case .loadHalfIndirect: guard unsafe loadHalf(packet, UInt64(x) + UInt64(k)) else { return 0 }
      case .loadByteIndirect: guard unsafe loadByte(packet, UInt64(x) + UInt64(k)) else { return 0 }
      case .loadImmediate: a = k
      case .loadScratch: a = scratch[Int(k)]
      case .loadLength: a = length

      case .loadXImmediate: x = k
      case .loadXScratch: x = scratch[Int(k)]
      case .loadXLength: x = length
      case .loadXHeaderLength:
        guard Int(k) < packet.count else { return 0 }
        x = unsafe UInt32(packet[Int(k)] & 0xf) << 2

      case .store: scratch[Int(k)] = a
      case .storeX: scratch[Int(k)] = x

      case .addK: a &+= k
      case .addX: a &+= x
      case .subtractK: a &-= k
      case .subtractX: a &-= x
      case .multiplyK: a &*= k
      case .multiplyX: a &*= x
      case .divideK: a /= k
      case .divideX:
        guard x != 0 else { return 0 }
        a /= x
      case .moduloK: a %= k
      case .moduloX:
        guard x != 0 else { return 0 }
        a %= x
      case .orK: a |= k
      case .orX: a |= x
      case .andK: a &= k
      case .andX: a &= x
      case .exclusiveOrK: a ^= k
      case .exclusiveOrX: a ^= x
      // Swift's shifts give zero for 32 and more, as libpcap's do for those by X.
      case .shiftLeftK: a <<= k
      case .shiftLeftX: a <<= x
      case .shiftRightK: a >>= k
      case .shiftRightX: a >>= x
      case .negate: a = 0 &- a

      case .jump:
        let offset = Int(Int32(bitPattern: k))
        if offset < 0 { returns += 1 }
        guard returns <= BPFProgram.maximumReturns else { return 0 }
        unsafe next += offset
      case .jumpEqualK: unsafe next += branch(a == k, step)
      case .jumpEqualX: unsafe next += branch(a == x, step)
      case .jumpGreaterK: unsafe next += branch(a > k, step)
      case .jumpGreaterX: unsafe next += branch(a > x, step)
      case .jumpGreaterOrEqualK: unsafe next += branch(a >= k, step)
      case .jumpGreaterOrEqualX: unsafe next += branch(a >= x, step)
      case .jumpSetK: unsafe next += branch(a & k != 0, step)
      case .jumpSetX: unsafe next += branch(a & x != 0, step)

      case .returnK: return k
      case .returnA: return a

      case .copyAToX: x = a
      case .copyXToA: a = x
      }
    }
  }

  @inline(__always)
  private func branch(_ condition: Bool, _ step: BPFProgram.Step) -> Int {
    Int(condition ? step.jumpTrue : step.jumpFalse)
  }

  // MARK: Loads, in network order; false when they reach beyond the packet

  @inline(__always)
  private mutating func loadWord(_ packet: UnsafeRawBufferPointer, _ offset: UInt64) -> Bool {
    guard offset + 4 <= UInt64(packet.count) else { return false }
    a = unsafe UInt32(bigEndian: packet.loadUnaligned(fromByteOffset: Int(offset), as: UInt32.self))
    return true
  }

  @inline(__always)
  private mutating func loadHalf(_ packet: UnsafeRawBufferPointer, _ offset: UInt64) -> Bool {
    guard offset + 2 <= UInt64(packet.count) else { return false }
    a = unsafe UInt32(UInt16(bigEndian: packet.loadUnaligned(fromByteOffset: Int(offset), as: UInt16.self)))
    return true
  }

  @inline(__always)
  private mutating func loadByte(_ packet: UnsafeRawBufferPointer, _ offset: UInt64) -> Bool {
    guard offset < UInt64(packet.count) else { return false }
    a = unsafe UInt32(packet[Int(offset)])
    return true
  }
}
