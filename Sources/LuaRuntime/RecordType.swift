/// One bit of a record: of the byte `offset` bytes from its start.
@frozen public struct RecordBit: Equatable, Sendable {
  public var offset: Int
  /// 0 is the lowest.
  public var bit: Int

  public init(offset: Int, bit: Int) {
    self.offset = offset
    self.bit = bit
  }
}

/// One field of a record. Numbers are read by C straight from the record's bytes, in the machine's byte order.
public struct RecordField {
  @safe public enum Kind {
    /// An unsigned number of one, two, four or eight bytes; eight bytes beyond `Int64.max` wrap as Lua's integers do.
    case unsigned8(offset: Int)
    case unsigned16(offset: Int)
    case unsigned32(offset: Int)
    case unsigned64(offset: Int)
    case signed64(offset: Int)
    case double(offset: Int)
    case boolean(RecordBit)
    /// A byte with names: `6` is `"tcp"`; without a name it is the number.
    case named(offset: Int, names: [UInt8: String])
    /// Text made when it is first read in a call: the function gets the record's first byte and a buffer of 256 bytes,
    /// and returns how many it filled, or nil for `nil`.
    case text((UnsafeRawPointer, UnsafeMutableRawBufferPointer) -> Int?)
    /// A record inside this one, `offset` bytes from its start.
    case record(RecordTypeID, offset: Int)
    /// A record elsewhere: the function gets this record's first byte and returns the other's, valid as long as this, or nil.
    case recordElsewhere(RecordTypeID, (UnsafeRawPointer) -> UnsafeRawPointer?)
    /// A Lua table of the script's own that belongs to the number (`UInt32`) at `offset`: made when first read, kept until
    /// `LuaState.dropTable(_:)`.
    case table(offset: Int)
    /// Anything else: a host function with the record as argument 0.
    case value(HostFunction)
  }

  public var name: String
  public var kind: Kind
  /// The field is `nil` unless this bit is set; nil: always there.
  public var presence: RecordBit?
  /// The host's numbers, at most 4, of what the field's value and presence hang on, so that equal keys mean an equal field;
  /// nil: it may differ from record to record, and an answer that hangs on it is not remembered.
  public var keys: [UInt8]?

  public init(_ name: String, _ kind: Kind, presence: RecordBit? = nil, keys: [UInt8]? = nil) {
    self.keys = keys
    self.name = name
    self.kind = kind
    self.presence = presence
  }
}

/// A method of one handle, asked so often that it has a way of its own past arguments and results.
@safe public struct RecordPredicate {
  public var handle: HandleTypeID
  /// The answer hangs on this key, by the handle's number.
  public var firstKey: UInt8
  public var keyStep: UInt8
  /// Gets the record's first byte and the handle's number; nil: the method must be asked. It must not call into Lua.
  public var test: (UnsafeRawPointer, Int) -> Bool?

  public init(
    of handle: HandleTypeID, firstKey: UInt8, keyStep: UInt8, test: @escaping (UnsafeRawPointer, Int) -> Bool?
  ) {
    self.handle = handle
    self.firstKey = firstKey
    self.keyStep = keyStep
    unsafe self.test = unsafe test
  }
}

/// What scripts see of a struct that is lent to them for one call, such as a packet. Read-only; reading a field allocates
/// nothing, and a field name that does not exist is an error that suggests the nearest.
///
/// Used after the call that lent it, every access raises `packet used outside its callback` (with the type's name).
@safe public struct RecordType {
  /// For messages, at most 40 bytes.
  public var name: String
  public var fields: [RecordField] = []
  /// Called as `record:name(...)` with the record as argument 0.
  public var methods: [(name: String, call: HostFunction)] = []
  /// For `#record`, with the record as argument 0.
  public var length: HostFunction?
  /// For `tostring` and `print`: pushes a string. Nil: the type's name.
  public var describe: HostFunction?
  /// Of methods by name, of the length as `#`; whatever is not named acts.
  public var natures: [String: HostNature] = [:]
  /// Of methods that ask whether a handle holds of the record: the quick way to the same answer.
  public var predicates: [String: RecordPredicate] = [:]
  /// A copy of a record was made inside Lua's heap (`HostCall.push(copyOf:type:)`): makes pointers into the old place
  /// point into the new one, aligned to 16 bytes.
  public var settle: ((UnsafeMutableRawBufferPointer) -> Void)?

  public init(_ name: String) { self.name = name }
}
