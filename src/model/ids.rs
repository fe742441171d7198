//! Numbers that could be confused, each with a type of its own.

use std::fmt;

/// Defines a number's type: documentation, name, what it wraps.
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
    /// A process id, as in the pid namespace of the container.
    Pid(u32)
}
number! {
    /// A thread id, as in the pid namespace of the container.
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
    /// CRIU's id of a namespace. Equal ids are the same namespace; they are not the kernel's inode numbers.
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
    /// Some address, or none for 0, where 0 means that there is no such thing.
    pub(crate) fn non_zero(address: Option<u64>) -> Option<Self> {
        address.filter(|&a| a != 0).map(Address)
    }
}
