import Policy

extension APIEntry {
  /// What sessions have besides the policy language.
  static let session: [APIEntry] = []
}
