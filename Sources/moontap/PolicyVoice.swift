/// Where a policy's lines go. What it says while it loads is said once, however many workers load it.
final class PolicyVoice {
  var isHeard: Bool

  init(isHeard: Bool) { self.isHeard = isHeard }

  func say(_ text: String) { if isHeard { Terminal.complain(text) } }
}
