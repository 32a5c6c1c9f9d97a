internal import Synchronization

/// How far a run is; written by its workers, read by who shows it.
public final class AuditProgress: Sendable {
  private let packetCount = Atomic<UInt64>(0)
  private let byteCount = Atomic<UInt64>(0)

  public init() {}

  public var packets: UInt64 { packetCount.load(ordering: .relaxed) }
  public var bytes: UInt64 { byteCount.load(ordering: .relaxed) }

  func add(packets: Int, bytes: UInt64) {
    packetCount.wrappingAdd(UInt64(packets), ordering: .relaxed)
    byteCount.wrappingAdd(bytes, ordering: .relaxed)
  }
}

/// What workers share.
struct RunControl: Sendable {
  var isCancelled: @Sendable () -> Bool
  var progress: AuditProgress
}
