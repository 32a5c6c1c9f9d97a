internal import Mirroring
internal import Wire

/// Highest random weight (Thaler and Ravishankar 1998): every receiver has a score for a key, the highest wins. Taking
/// one of n receivers away moves only its own keys.
///
/// A receiver's score depends on its address, not on its place in the list, and on nothing of the run: the same on
/// every host.
struct Rendezvous {
  /// One word of each receiver, derived from its address.
  private let identities: [UInt64]
  /// Reciprocal weights for `weighted`; nil: all equal.
  private let inverseWeights: [Double]?

  init(receivers: [IPAddress], weights: [UInt32]? = nil) {
    identities = receivers.map { address in
      let seed = HashSeed.fixed
      return fold(address.high &+ seed.a ^ UInt64(address.family.rawValue), address.low ^ seed.b)
    }
    inverseWeights = weights.map { $0.map { 1 / Double($0) } }
  }

  /// - Returns: position of the winner; ties go to the lower position.
  func choose(_ key: UInt64) -> Int { choose(key) { _ in true } }

  /// - Parameter takesPart: positions that may win; if none may, the winner is 0.
  @inline(__always)
  func choose(_ key: UInt64, takesPart: (Int) -> Bool) -> Int {
    var best = 0
    if let inverseWeights {
      var lowest = Double.infinity
      for position in identities.indices where takesPart(position) {
        // Weighted rendezvous (Schindelhauer and Schomaker 2005): -ln(u) / weight is exponential, the lowest wins with
        // a probability in proportion to its weight.
        let uniform = (Double(score(key, position) >> 11) + 0.5) * 0x1p-53
        let distance = -logarithm(uniform) * inverseWeights[position]
        if distance < lowest {
          lowest = distance
          best = position
        }
      }
    } else {
      var highest: UInt64 = 0
      for position in identities.indices where takesPart(position) {
        let score = score(key, position)
        if score > highest {
          highest = score
          best = position
        }
      }
    }
    return best
  }

  @inline(__always)
  private func score(_ key: UInt64, _ position: Int) -> UInt64 {
    fold(key ^ identities[position], HashSeed.fixed.c ^ identities[position] &+ HashSeed.fixed.d)
  }

  /// Natural logarithm of 0 < x < 1, the same on every machine: exponent and a fixed series, no C library.
  private func logarithm(_ x: Double) -> Double {
    var exponent = Double(x.exponent)
    var significand = x.significand
    if significand > 1.414_213_562_373_095_1 {
      significand /= 2
      exponent += 1
    }
    // ln(m) = 2 artanh((m - 1) / (m + 1)); |argument| < 0.172, so that ten terms leave less than 1e-16.
    let argument = (significand - 1) / (significand + 1)
    let square = argument * argument
    var term = argument
    var sum = 0.0
    for step in 0..<10 {
      sum += term / Double(2 * step + 1)
      term *= square
    }
    return exponent * 0.693_147_180_559_945_3 + 2 * sum
  }
}

extension Rendezvous {
  /// The key of an ENI for `eni-hash`: its id's bytes, so that it is the same on every host.
  static func key(id: String) -> UInt64 {
    var hash: UInt64 = HashSeed.fixed.e
    for byte in id.utf8 { hash = fold(hash ^ UInt64(byte), HashSeed.fixed.a) }
    return fold(hash, HashSeed.fixed.b)
  }
}
