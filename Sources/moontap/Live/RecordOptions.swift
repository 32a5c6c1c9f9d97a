import ArgumentParser
import Capture
import DataPath

/// What a live run that records takes besides `--write`.
struct RecordOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Live, with --write: bytes of a file at most, as in 100M. (default: 100M)", valueName: "size"))
  var rotateSize: String?

  @Option(
    help: ArgumentHelp("Live, with --write: how long a file takes packets, as in 5m. (default: any)", valueName: "time")
  )
  var rotateTime: String?

  @Option(
    help: ArgumentHelp(
      "Live, with --write: finished files that stay, by number (24) or size (10G). (default: all)", valueName: "what"))
  var keep: String?

  @Flag(help: "Live, with --write: copies are recorded only; receivers get none.")
  var noSend = false

  /// - Parameter folder: of `--write`; nil: nothing is recorded.
  func check(_ live: LiveOptions, folder: String?) throws {
    if noSend, let name = live.givenForSending {
      throw ValidationError("\(name) says how copies are sent: with --no-send none are.")
    }
    guard live.live, folder != nil else {
      let given = [
        ("--rotate-size", rotateSize != nil), ("--rotate-time", rotateTime != nil), ("--keep", keep != nil),
        ("--no-send", noSend),
      ]
      if let name = given.first(where: \.1)?.0 {
        throw ValidationError("\(name) is for live runs that record: add --live and --write FOLDER, or leave it out.")
      }
      return
    }
    guard live.workerCount == 1 else {
      throw ValidationError("--write records in the order of time, which several workers do not keep: no --workers.")
    }
    _ = try options()
  }

  func options() throws -> RecordingOptions {
    var options = RecordingOptions()
    if let rotateSize {
      guard let size = Self.size(rotateSize), Self.sizes.contains(size) else {
        throw ValidationError("--rotate-size is from 1M to 1T, as in 100M, not '\(rotateSize)'.")
      }
      options.fileByteCount = size
    }
    if let rotateTime {
      guard let seconds = Self.seconds(rotateTime), (1...604_800).contains(seconds) else {
        throw ValidationError("--rotate-time is from 1s to 168h, as in 5m, not '\(rotateTime)'.")
      }
      options.fileNanoseconds = Int64(seconds) * 1_000_000_000
    }
    if let keep { options.keep = try Self.keep(keep) }
    return options
  }

  private static let sizes = RecordingOptions.smallestFile...1_000_000_000_000

  private static func keep(_ text: String) throws -> RecordingOptions.Keep {
    if let count = UInt64(text), (1...1_000_000).contains(count) { return .files(Int(count)) }
    if UInt64(text) == nil, let size = size(text), size >= sizes.lowerBound { return .bytes(size) }
    throw ValidationError(
      "--keep is a number of files from 1 to 1000000, as in 24, or a size from 1M, as in 10G, not '\(text)'.")
  }

  /// `100M`: decimal units, as those that are printed.
  static func size(_ text: String) -> UInt64? {
    number(text, ["k": 1000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000])
  }

  /// `90s`, `5m`, `1h`
  static func seconds(_ text: String) -> UInt64? { number(text, ["s": 1, "m": 60, "h": 3600]) }

  /// A number without a unit is none: nobody knows what it means.
  private static func number(_ text: String, _ units: [Character: UInt64]) -> UInt64? {
    guard let last = text.last, let unit = units[last], text.dropLast().allSatisfy({ $0.isASCII && $0.isNumber }),
      let number = UInt64(text.dropLast())
    else { return nil }
    let (product, isTooMuch) = number.multipliedReportingOverflow(by: unit)
    return isTooMuch ? nil : product
  }
}

/// A recording that was asked for.
struct Record {
  var folder: String
  var options: RecordingOptions
  /// Receivers get nothing.
  var isAlone: Bool

  /// Before rights are given up.
  func openFolder() throws -> RecordingFolder {
    do throws(CaptureError) {
      return try RecordingFolder(folder)
    } catch {
      throw Problem(error)
    }
  }

  /// Once they are: what the folder grants to whom the process is now counts.
  func begin(
    in folder: RecordingFolder, _ plan: SinkPlan, tell: @escaping @Sendable (String) -> Void
  ) throws -> Recording {
    do throws(CaptureError) {
      try folder.checkWritable()
      return try Recording(folder, plan, options: options, tell: tell)
    } catch {
      throw Problem(error)
    }
  }
}
