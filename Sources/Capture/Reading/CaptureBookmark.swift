import DataPath

/// A place between two frames of a capture, to go on from later, by the same source or another of the same file.
public struct CaptureBookmark: Sendable {
  /// Frames before it.
  public let frameCount: UInt64
  let offset: UInt64
  let section: PcapngSection
  let interfaces: [CaptureInterface]
}

extension CaptureFileSource {
  /// The place behind the last batch; nil for pipes and gzip'ed files, which can be read front to back only.
  public var bookmark: CaptureBookmark? {
    guard input.canSeek else { return nil }
    return CaptureBookmark(frameCount: frameCount, offset: input.offset, section: section, interfaces: interfaces)
  }

  /// Goes on from there. The bookmark must be one of this file.
  public func go(to bookmark: CaptureBookmark) throws(CaptureError) {
    do {
      try input.seek(to: bookmark.offset)
    } catch {
      throw damage("going there failed")
    }
    frameCount = bookmark.frameCount
    section = bookmark.section
    // Those of a file are met in one order: the longer list begins with the shorter one.
    for interface in bookmark.interfaces.dropFirst(interfaces.count) {
      interfaceIndices[interface] = UInt32(interfaces.count)
      interfaces.append(interface)
    }
    isAtEnd = false
  }
}
