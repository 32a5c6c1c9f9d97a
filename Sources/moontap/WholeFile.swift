import Foundation

/// Files that appear under their name only when they are whole.
enum WholeFile {
  /// - Throws: `Problem` that says why it cannot be written.
  static func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

  static func write(_ bytes: [UInt8], to path: String) throws {
    do {
      let url = URL(filePath: path)
      // What is no file (a pipe, /dev/null) is written to, not replaced.
      let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
      let isReplaced = type == nil || type == .typeRegular
      try Data(bytes).write(to: url, options: isReplaced ? .atomic : [])
    } catch {
      throw Problem(place: path, code: "output", sentence: "cannot be written: \(reason(error))", exit: .failed)
    }
  }

  static func reason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    guard let underlying, underlying.domain == NSPOSIXErrorDomain else { return error.localizedDescription }
    return unsafe String(cString: strerror(Int32(underlying.code)))
  }
}
