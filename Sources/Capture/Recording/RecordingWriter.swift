import Glibc

/// The thread's side of a recording: files, and which of them stay.
final class RecordingWriter {
  private let folder: RecordingFolder
  private let keep: RecordingOptions.Keep
  private var file: RecordingFile?
  /// Finished files, the oldest first.
  private var finished: [RecordingFolder.Entry]
  private var newest: RecordingName?
  /// Why a part of the file in use is lost. What comes behind it in the file may need what it said, and is lost, too.
  private(set) var torn: SystemFailure?

  init(_ folder: RecordingFolder, keep: RecordingOptions.Keep) {
    self.folder = folder
    self.keep = keep
    finished = folder.earlier
    newest = folder.earlier.last?.name
  }

  var inUse: String? { file?.name.part }

  /// Writes blocks into the file in use, or a new one.
  ///
  /// - Parameter offset: where the first block stands that is not written; moved behind those that are.
  /// - Throws: when not all could be written; may be called again.
  func write(_ buffer: RecordingBuffer, from offset: inout Int) throws(SystemFailure) {
    if file == nil {
      let name = name(buffer.fileBegan)
      // One that cannot be made may be another's: the next attempt takes another.
      newest = name
      file = try RecordingFile(name, in: folder)
    }
    try file!.write(buffer, from: &offset)
  }

  /// What is left of the file in use is lost.
  func tear(_ failure: SystemFailure) { torn = failure }

  /// A name behind all others, whatever became of the clock.
  private func name(_ began: Int64) -> RecordingName {
    let wanted = began / 1_000_000
    return RecordingName(milliseconds: max(wanted, newest.map { $0.milliseconds + 1 } ?? wanted))
  }

  /// The file in use is whole.
  ///
  /// - Returns: whether there was one, with packets; and how many old ones were removed for it.
  /// - Throws: when it could not get its name, or an old one not be removed; it is left as it is then.
  func end() throws(SystemFailure) -> (isFinished: Bool, removed: Int) {
    torn = nil
    guard let file else { return (false, 0) }
    self.file = nil
    guard file.packets > 0 else {
      try file.discard()
      return (false, 0)
    }
    try file.publish()
    finished.append(RecordingFolder.Entry(name: file.name, byteCount: file.byteCount))
    return (true, try removeOldest())
  }

  private func removeOldest() throws(SystemFailure) -> Int {
    var removed = 0
    while isTooMuch, finished.count > 1 {
      try folder.remove(finished.removeFirst().text)
      removed += 1
    }
    return removed
  }

  private var isTooMuch: Bool {
    switch keep {
    case .all: false
    case .files(let limit): finished.count > limit
    case .bytes(let limit): finished.reduce(0) { $0 + $1.byteCount } > limit
    }
  }
}
