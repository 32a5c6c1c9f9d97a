import JSONText
import Store

extension StoreError {
  /// Place, sentence and hint of those that are no list.
  var words: (place: String?, sentence: String, hint: String?) {
    switch self {
    case .missing(let path):
      (path, "there is no store", "moontap inventory import FILE makes one; --store names another")
    case .unusable(let path, let reason): (path, "cannot be used: \(reason)", nil)
    case .foreign(let path): (path, "is no store of Moontap", "--store names the file; nothing in it was changed")
    case .newer(let path, let version, let known):
      (
        path, "was written by a later Moontap (schema \(version), this one knows \(known))",
        "use that version; nothing was changed"
      )
    case .corrupt(let path, let detail):
      (path, "is damaged: \(detail)", "moontap store check says more; moontap store restore BACKUP puts a backup back")
    case .locked(let path, let seconds):
      (path, "another process has been changing it for \(seconds) s", "nothing was changed; try again")
    case .readOnly(let path): (path, "cannot be written: file, folder or disk is read-only", "nothing was changed")
    case .full(let path): (path, "the disk is full", "nothing was changed")
    case .failed(let path, let detail): (path, "failed: \(detail)", "nothing was changed")
    case .unknownMirror(let name, let near):
      (
        nil, "there is no mirror \(name.quotedForMessage)",
        near.map { "did you mean \($0.quotedForMessage)?" } ?? "moontap mirror list shows all"
      )
    case .ambiguousMirror(let name, let vpcs):
      (
        nil, "several VPCs have a mirror \(name.quotedForMessage): \(vpcs.joined(separator: ", "))",
        "name one with --vpc, and with --region where both have the same id"
      )
    case .noInventory:
      (nil, "the store has no inventory, so nothing can be mirrored", "moontap inventory import FILE brings one")
    case .invalid, .gatewaysInUse: (nil, "", nil)
    }
  }
}
