//! Types for numbers that are easily confused.

use std::fmt;

/// Defines a type for a number: documentation, name, wrapped type.
macro_rules! number {
    ($(#[doc = $doc:literal])+ $name:ident($inner:ty)) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// A process id, in the container's pid namespace.
    Pid(u32)
}
number! {
    /// A thread id, in the container's pid namespace.
    Tid(u32)
}
number! {
    /// The number of a file descriptor.
    Fd(u32)
}
number! {
    /// CRIU's id of an open file: what descriptors, mappings, current directories and executables refer to.
    FileId(u32)
}
number! {
    /// CRIU's id of a namespace. Equal ids mean the same namespace. They are not the kernel's inode numbers.
    NamespaceId(u32)
}

/// An address in a process's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u64);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl Address {
    /// An address; `None` for 0, which means that there is none.
    pub(crate) fn non_zero(address: Option<u64>) -> Option<Self> {
        address.filter(|&a| a != 0).map(Address)
    }
}
