/// A function of the host that scripts can call.
///
/// It reads its arguments from the call and returns by `HostCall.push`; what it throws becomes a Lua error at the script's
/// line. It must not call into Lua (`HostCall.next` does that after it has returned) and must not keep the call.
public typealias HostFunction = (HostCall) throws(HostFailure) -> Void

/// What a call of a host function does beyond computing from its arguments. An answer of a script is remembered only if all
/// that it called was pure.
@frozen public enum HostNature: Sendable {
  /// It has an effect.
  case acts
  /// What it answers may change.
  case changes
  /// The same arguments give the same answer, as long as the state lives; of a record it must say what it reads, see
  /// `HostCall.depends(on:of:)`.
  case pure
}

/// Why a host function refuses. The message is raised as a Lua error at the line of the script that called.
public struct HostFailure: Error, Equatable, Sendable {
  public var message: String
  /// From 1: the message becomes `bad argument #2 to 'quintuple' (message)`.
  public var argument: Int?

  public init(_ message: String) {
    self.message = message
    self.argument = nil
  }

  public init(argument: Int, _ message: String) {
    self.message = message
    self.argument = argument
  }
}

/// The operators a handle type can give a meaning.
@frozen public enum LuaOperator: Int, Sendable, CaseIterable {
  /// `a & b`, `a | b`, `a ~ b`; either side may be something else, a function too.
  case and, or, exclusiveOr
  /// `~a`; comes with one argument.
  case not
  /// `#a`
  case length
}

/// What scripts see of a host object. They hold a handle (type and number), never the object.
public struct HandleType {
  /// For messages: `no field 'x' in mirror`.
  public var name: String
  /// Read as `handle.name`; called with the handle as argument 0.
  public var fields: [(name: String, get: HostFunction)] = []
  /// Called as `handle:name(...)` with the handle as argument 0.
  public var methods: [(name: String, call: HostFunction)] = []
  /// Called with both operands in the script's order; at least one is a handle of this type.
  public var operators: [(LuaOperator, HostFunction)] = []
  /// The operators `&`, `|`, `~` of this type also hold between two plain Lua functions. At most one type may say so.
  public var claimsFunctions = false
  /// Any key that is no field and no method: arguments are handle and key. Nil: unknown keys are an error that suggests
  /// the nearest known name.
  public var index: HostFunction?
  /// For `pairs`: arguments are handle and position from 0; pushes key and value, or nothing at the end. A third value is the
  /// position of the next call, which else is one more: what leaves a collection meanwhile must not hide what follows.
  public var enumerate: HostFunction?
  /// For `tostring` and `print`: pushes a string. Nil: the type's name.
  public var describe: HostFunction?
  /// Of fields and methods by name; of the length as `#`, the index as `[]`, the enumeration as `pairs`; whatever is not named
  /// acts.
  public var natures: [String: HostNature] = [:]

  public init(_ name: String) { self.name = name }
}

/// What the host adds to the names of the strict environment. Filled once, then given to states.
public struct HostLibrary {
  var functions: [HostFunction] = []
  var globals: [(namespace: String?, name: String, function: Int, nature: HostNature)] = []
  var constants: [(namespace: String?, name: String, value: LuaValue)] = []
  var handleTypes: [HandleType] = []
  var recordTypes: [RecordType] = []

  public init() {}

  /// A global function, `every(...)`, or one of a namespace, `filter.any()`. Namespaces are read-only for scripts.
  public mutating func add(
    _ name: String, in namespace: String? = nil, nature: HostNature = .acts, _ function: @escaping HostFunction
  ) {
    globals.append((namespace, name, functions.count, nature))
    functions.append(function)
  }

  /// A global value, `inventory`, or one of a namespace, `policy.name`. A table becomes a plain table of the script's own.
  public mutating func add(_ name: String, in namespace: String? = nil, value: LuaValue) {
    constants.append((namespace, name, value))
  }

  /// Declares a handle type, so that functions and other types can name it; `define` says the rest.
  public mutating func declareHandleType(_ name: String) -> HandleTypeID {
    handleTypes.append(HandleType(name))
    return HandleTypeID(index: UInt16(handleTypes.count - 1))
  }

  public mutating func define(_ id: HandleTypeID, as type: HandleType) { handleTypes[Int(id.index)] = type }

  /// Declares a record type, so that it can contain itself (`packet.inner`); `define` says the rest.
  public mutating func declareRecordType(_ name: String) -> RecordTypeID {
    recordTypes.append(RecordType(name))
    return RecordTypeID(index: UInt16(recordTypes.count - 1))
  }

  public mutating func define(_ id: RecordTypeID, as type: RecordType) { recordTypes[Int(id.index)] = type }
}
