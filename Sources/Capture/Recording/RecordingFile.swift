import Glibc

/// The file that a recording writes, under the name of a part until it is whole. It ends with a whole block whenever nothing is
/// being written: whoever reads it meanwhile, or after a kill, reads a capture.
final class RecordingFile {
  let name: RecordingName
  private(set) var byteCount: UInt64 = 0
  private(set) var packets: UInt64 = 0
  private let folder: RecordingFolder
  private let descriptor: Int32

  init(_ name: RecordingName, in folder: RecordingFolder) throws(SystemFailure) {
    self.name = name
    self.folder = folder
    descriptor = try folder.make(name.part)
  }

  deinit { close(descriptor) }

  /// Writes what is left of a buffer; pwrite(2), until all is written.
  ///
  /// - Parameter offset: where the first block stands that is not written; moved behind those that are.
  func write(_ buffer: RecordingBuffer, from offset: inout Int) throws(SystemFailure) {
    let start = offset
    var written = start
    while written < buffer.used {
      let place = off_t(byteCount) + off_t(written - start)
      let count = unsafe pwrite(descriptor, buffer.base + written, buffer.used - written, place)
      if count >= 0 {
        written += count
      } else if errno != EINTR {
        let failure = SystemFailure(errno)
        note(buffer, from: &offset, to: written)
        // Takes off the part of a block that had no room; if not, the next attempt writes over it.
        ftruncate(descriptor, off_t(byteCount))
        throw failure
      }
    }
    note(buffer, from: &offset, to: written)
  }

  private func note(_ buffer: RecordingBuffer, from offset: inout Int, to written: Int) {
    let blocks = buffer.blocks(from: offset, to: written)
    byteCount += UInt64(blocks.end - offset)
    packets += blocks.packets
    offset = blocks.end
  }

  /// Gives the whole file its final name.
  func publish() throws(SystemFailure) { try folder.rename(name.part, to: name.text) }

  /// Of a file without packets.
  func discard() throws(SystemFailure) { try folder.remove(name.part) }
}
