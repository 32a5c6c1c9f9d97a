internal import LuaRuntime

/// The runtime's numbers of the host's types.
struct PolicyTypes: Sendable {
  private var handles: [APITypeName: HandleTypeID] = [:]
  private var records: [APITypeName: RecordTypeID] = [:]

  init(declaringIn library: inout HostLibrary) {
    for type in APITypeName.allCases {
      if type.isRecord {
        records[type] = library.declareRecordType(type.rawValue)
      } else {
        handles[type] = library.declareHandleType(type.rawValue)
      }
    }
  }

  /// - Precondition: the type is no record; which types are is fixed in `APITypeName`.
  func handle(_ type: APITypeName) -> HandleTypeID { handles[type]! }
  func record(_ type: APITypeName) -> RecordTypeID { records[type]! }

  func value(_ type: APITypeName, _ index: Int) -> LuaValue { .handle(LuaHandle(handle(type), index)) }

  func name(of id: HandleTypeID) -> String? { handles.first { $0.value == id }?.key.rawValue }
}
