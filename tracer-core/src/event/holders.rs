//! Who holds objects of the Go heap: what a search from the objects back to the roots has found.

/// One search, at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holders {
    /// The sites whose objects were followed, those with most live bytes first.
    pub sites: Vec<HeldSite>,
    /// How long it took.
    pub took_ns: u64,
    /// Bytes read of the process.
    pub bytes_read: u64,
    /// Why some of it is missing, if it is.
    pub incomplete: Option<String>,
    /// The heap was too large for all of it: sizes without a site may be missing, or have more.
    pub is_part: bool,
}

/// Objects that one stack allocated.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeldSite {
    /// The site in the heap profile (`HeapSite`); `None` for objects of one size, whoever
    /// allocated them.
    pub site: Option<u64>,
    /// Bytes of an object.
    pub object_bytes: u64,
    /// Bytes in use, as the profile scales them.
    pub live_bytes: u64,
    /// Objects that were followed.
    pub sampled: u64,
    /// Of these, those of which an owner was found.
    pub reached: u64,
    /// Who holds them, most objects first; one object may have several.
    pub owners: Vec<Owner>,
}

/// What keeps some of these objects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Owner {
    /// What it is.
    pub kind: OwnerKind,
    /// The variable, or the function of a goroutine or timer; empty where that is not known.
    pub name: String,
    /// Functions that use a variable whose name is not known.
    pub used_by: Vec<String>,
    /// Objects that it keeps.
    pub objects: u64,
    /// Of these, some others keep as well.
    pub shared: u64,
    /// From the owner to the object, by type; `…` where a type is not known.
    pub path: Vec<String>,
}

/// The kinds of roots.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum OwnerKind {
    /// A package variable, by its symbol.
    Variable,
    /// A package variable, by the code that uses it.
    VariableByCode,
    /// A frame of a goroutine.
    Goroutine,
    /// A timer that has not fired.
    Timer,
    /// A finalizer or cleanup that has not run.
    Finalizer,
}
