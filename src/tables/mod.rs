//! From the model to **rows**: everything that is known of an archive is a row of one of these tables, and every output is
//! made of rows. One table a file; the struct of its rows is its definition and its documentation.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

mod checkpoints;
mod container;
mod dumped;
mod event;
mod images;
mod mappings;
mod matches;
mod members;
mod memory_classes;
mod memory_sizes;
mod mounts;
mod process_envs;
mod process_memory_map;
mod process_namespaces;
mod process_open_files;
mod process_open_sockets;
mod processes;
mod schema;
mod statistics;
mod strings;
mod table;
mod threads;
mod value;
mod warnings;

use std::ops::ControlFlow;

pub use checkpoints::Summary;
pub use container::Container;
pub use dumped::{DumpedRun, dumped};
pub use event::{Event, Form, Subject, System, Target};
pub use images::Image;
pub use mappings::Mappings;
pub use matches::{Match, MatchCount, Matches};
pub use members::Member;
pub use memory_classes::MemoryClass;
pub use memory_sizes::MemorySize;
pub use mounts::Mount;
pub use process_envs::ProcessEnv;
pub use process_memory_map::Mapping;
pub(crate) use process_memory_map::rows_of as mappings_of;
pub use process_namespaces::ProcessNamespaces;
pub use process_open_files::OpenFile;
pub use process_open_sockets::{OpenSocket, OtherHolders};
pub use processes::Process;
pub use schema::{SCHEMA_VERSION, schema};
pub use statistics::Statistics;
pub use strings::{StringRow, Strings};
pub use table::{Column, Row, Table};
pub use threads::Thread;
pub use value::{Detail, Mask, Object, Type, Value};
pub use warnings::Warning;

use crate::Checkpoint;
use crate::memory::Keep;

/// Takes rows one by one, until it has enough.
pub type Sink<'a> = dyn FnMut(&dyn Row) -> ControlFlow<()> + 'a;

/// A table and where its rows come from.
#[derive(Clone, Copy)]
pub struct Source {
    /// The table.
    pub table: &'static Table,
    /// What of an archive that comes as a stream has to be kept for its rows.
    pub keep: Keep,
    each: fn(&Checkpoint, &mut Sink<'_>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Source").field(&self.table.name).finish()
    }
}

impl Source {
    /// Gives the rows of a checkpoint to a sink, in the table's order.
    pub fn each(&self, checkpoint: &Checkpoint, sink: &mut Sink<'_>) {
        (self.each)(checkpoint, sink);
    }

    /// The table of a name.
    pub fn find(name: &str) -> Option<&'static Source> {
        ALL.iter().find(|source| source.table.name == name)
    }
}

/// Tables whose rows depend on what is asked, so that they are no part of [`ALL`].
pub const ASKED: &[&Table] = &[&Match::TABLE, &MatchCount::TABLE, &StringRow::TABLE, &DumpedRun::TABLE];

/// Defines [`ALL`], and the methods of [`Checkpoint`] that give typed rows. What has to be kept for a table's rows is
/// [`Keep::Arguments`] unless told.
macro_rules! sources {
    ($($(#[doc = $doc:literal])+ $method:ident: $module:ident::$row:ident $(, $keep:ident)?;)+) => {
        /// All tables, in the order in which they are documented.
        pub const ALL: &[Source] = &[$(Source {
            table: &$row::TABLE,
            keep: Keep::Arguments$(.and(Keep::$keep))?,
            each: |checkpoint, sink| {
                let _ = $module::rows(checkpoint).try_for_each(|row| sink(&row));
            },
        },)+];

        impl Checkpoint {
            $($(#[doc = $doc])+
            pub fn $method(&self) -> impl Iterator<Item = $row> + '_ {
                $module::rows(self)
            })+
        }
    };
}

sources! {
    /// Rows of `container`: one.
    container_rows: container::Container;
    /// Rows of `processes`.
    processes: processes::Process;
    /// Rows of `threads`.
    threads: threads::Thread;
    /// Rows of `process_envs`.
    process_envs: process_envs::ProcessEnv;
    /// Rows of `process_memory_map`.
    process_memory_map: process_memory_map::Mapping;
    /// Rows of `memory_sizes`.
    memory_sizes: memory_sizes::MemorySize;
    /// Rows of `memory_classes`.
    memory_classes: memory_classes::MemoryClass;
    /// Rows of `process_open_files`.
    process_open_files: process_open_files::OpenFile;
    /// Rows of `process_open_sockets`.
    process_open_sockets: process_open_sockets::OpenSocket;
    /// Rows of `mounts`.
    mounts: mounts::Mount;
    /// Rows of `process_namespaces`.
    process_namespaces: process_namespaces::ProcessNamespaces;
    /// Rows of `statistics`: one.
    statistics_rows: statistics::Statistics;
    /// Rows of `members`.
    members: members::Member;
    /// Rows of `images`.
    image_rows: images::Image;
    /// Rows of `warnings`.
    warning_rows: warnings::Warning;
}

impl Checkpoint {
    /// The row of `container`.
    pub fn container(&self) -> Container {
        container::row(self)
    }

    /// The row of `statistics`.
    pub fn statistics(&self) -> Statistics {
        statistics::row(self)
    }
}
