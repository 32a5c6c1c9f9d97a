internal import Mirroring

/// What the pipeline keeps for answers that scripts' hosts remember: see `Pipeline+Recall.swift`.
struct RecallState {
  /// An answer that was asked for while the class was made, and holds for this record only.
  struct Ahead {
    var mirror: Int
    var operation: Int32
    var isOutbound: Bool
    var answer: ScriptAnswer = .failed
    var choice: ScriptChoice = .failed
  }

  /// The record that is classified.
  var classified: Pipeline.Subject?
  /// No script of the record is still to be asked before those that are met now.
  var mayAskAhead = false
  var ahead: Ahead?
  /// The class of the record whose scripts are asked, and what it has counted beyond its class; 0: none.
  var acting = 0
  var actingLength: UInt32?
  var counted: [(cell: Int32, verdict: Verdict)] = []

  /// By host, as they were when the classes were made.
  var generations: [UInt64] = []
  /// A host's generation may have changed, or an answer may now be recalled: seen to when the record is done.
  var mustLookAgain = false
  var isNewlyKnown = false
  /// Classes may rely on remembered answers; false once making them anew has cost too much.
  var isAllowed = true
  var restarts: UInt64 = 0

  /// Packets until an answer is asked again.
  var untilVerified = RecallState.verifiedEvery
  var isVerifying = false

  static let verifiedEvery = 4096

  mutating func beginRecord() {
    mayAskAhead = classified != nil && !isVerifying
    ahead = nil
  }

  mutating func take(_ mirror: Int, _ operation: Int32, isOutbound: Bool) -> Ahead? {
    guard let known = ahead, known.mirror == mirror, known.operation == operation, known.isOutbound == isOutbound else {
      return nil
    }
    ahead = nil
    return known
  }
}
