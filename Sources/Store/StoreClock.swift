internal import Glibc

enum StoreClock {
  static func pause(milliseconds: UInt32) { usleep(milliseconds * 1_000) }

  static var processID: Int32 { getpid() }
}
