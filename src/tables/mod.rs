//! Turns the model into **rows**. Every fact about an archive is a row of one of these tables, and every output is made
//! of rows. One table per file; the struct of its rows is both its definition and its documentation.

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

mod addresses;
mod apparmor;
pub mod attack;
mod attributes;
mod autofs;
mod binfmt_misc;
mod bpf_maps;
mod capabilities;
mod cgroup_properties;
mod cgroups;
mod checkpoints;
mod conntrack;
mod container;
mod content;
mod cpuinfo;
mod declared;
mod devices;
mod dumped;
mod epoll;
pub(crate) mod event;
mod extracted;
mod failures;
mod fanotify;
mod file_locks;
mod firewall;
mod hasher;
mod holding;
mod host_descriptors;
mod images;
mod inode_paths;
mod inotify;
mod interfaces;
mod ipc;
mod ipc_messages;
mod isolation;
mod limits;
mod log_lines;
mod mappings;
mod matches;
mod members;
mod memory_classes;
mod memory_sizes;
mod mounts;
mod namespaces;
mod nearest;
mod order;
mod pending_signals;
mod pipes;
mod process_envs;
mod process_memory_map;
mod process_namespaces;
mod process_open_files;
mod process_open_sockets;
mod processes;
mod record;
mod recovered_files;
mod rootfs_changes;
mod routes;
mod routing_rules;
mod rows;
mod seccomp_filters;
mod seccomp_instructions;
mod seccomp_rules;
mod serialize;
mod shell_history;
mod signal_actions;
mod signals;
mod socket_filters;
mod source;
mod statistics;
mod strings;
mod sysctls;
pub(crate) mod table;
mod tcp_connections;
mod tcp_queues;
mod threads;
mod timers;
mod totals;
mod tty_queues;
mod ttys;
mod unix_queues;
pub(crate) mod value;
mod volume_files;
mod warnings;

use std::ops::ControlFlow;

pub use attributes::Attributes;
pub use checkpoints::Summary;
pub use dumped::{DumpedRun, dumped};
pub use event::{Event, Form, Subject, System, Target};
pub use extracted::Extracted;
pub use failures::Failure;
pub use holding::Holding;
pub(crate) use isolation::{has_all_capabilities, usual_capabilities};
pub use mappings::Mappings;
pub use matches::{Match, MatchCount, Matches};
pub use memory_sizes::Part as MemoryPart;
pub use nearest::{nearest, usual_name};
pub(crate) use process_memory_map::rows_of as mappings_of;
pub(crate) use process_open_files::rows_of as open_files_of;
pub use process_open_sockets::OtherHolders;
pub use record::{Borrowed, Record};
pub(crate) use rootfs_changes::OpenPaths;
pub use rows::Rows;
pub(crate) use serialize::{has_hex, lossy};
pub use source::{Context, TableSource};
pub use strings::{StringRow, Strings};
pub(crate) use table::table;
pub use table::{Column, Name, Row, Table, TableRef};
pub use totals::Totals;
pub use value::{Detail, Mask, Object, Type, Value};

use crate::Checkpoint;
use crate::memory::Keep;
use crate::model::process;

/// Takes rows one by one until it has enough.
pub type Sink<'a> = dyn FnMut(&dyn Row) -> ControlFlow<()> + 'a;

/// Tables whose rows depend on the request, so they are not in [`ALL`].
pub const ASKED: &[&Table] =
    &[&Match::TABLE, &MatchCount::TABLE, &StringRow::TABLE, &DumpedRun::TABLE, &Extracted::TABLE, &Failure::TABLE];

/// The table of archives that could not be read. A checkpoint was read, so it has no rows of it: the caller who opens
/// archives makes them.
pub static FAILURES: TableSource = TableSource { table: &Failure::TABLE, keep: Keep::Tables, each: |_, _| {} };

/// Defines [`ALL`] and the typed methods of [`Rows`]: one line for each table, named like its module. `one` is a table
/// with exactly one row. Of a stream, [`Keep::Arguments`] is kept for the rows of a table unless the line names more.
macro_rules! tables {
    ($($count:ident $module:ident::$row:ident $(, $keep:ident)?;)+) => {
        $(pub use $module::$row;)+

        /// All tables, in the order in which they are documented.
        pub const ALL: &[TableSource] = &[$(TableSource {
            table: &$row::TABLE,
            keep: Keep::Arguments$(.and(Keep::$keep))?,
            each: |context, sink| {
                let _ = rows::bounded(context.checkpoint, stringify!($module), $module::rows(context.checkpoint)).try_for_each(|row| sink(&row));
            },
        },)+];

        impl<'c> Rows<'c> {
            $(rows::typed! { $count $module $row })+
        }
    };
}

tables! {
    one container::Container;
    many processes::Process;
    many threads::Thread;
    many process_envs::ProcessEnv;
    many process_memory_map::Mapping;
    many memory_sizes::MemorySize;
    many memory_classes::MemoryClass;
    many process_open_files::OpenFile;
    many process_open_sockets::OpenSocket;
    many pipes::PipeRow;
    many unix_queues::UnixPacket;
    many tcp_connections::TcpConnection;
    many tcp_queues::TcpQueue;
    many tty_queues::TtyQueue;
    many shell_history::ShellHistory, Evidence;
    many ipc::IpcObject;
    many ipc_messages::IpcMessage;
    many bpf_maps::BpfMapRow;
    many recovered_files::RecoveredFile, Everything;
    many mounts::Mount;
    many process_namespaces::ProcessNamespaces;
    many seccomp_filters::SeccompFilter;
    many seccomp_rules::SeccompRule;
    many seccomp_instructions::SeccompInstruction;
    many socket_filters::SocketFilter;
    many cgroups::Cgroup;
    many cgroup_properties::CgroupProperty;
    many epoll::Epoll;
    many inotify::Inotify;
    many fanotify::Fanotify;
    many ttys::Tty;
    many apparmor::AppArmorPolicy;
    many isolation::Isolation;
    many capabilities::CapabilitySet;
    many devices::DeclaredDevice;
    many declared::DeclaredFact;
    many cpuinfo::Cpu;
    many binfmt_misc::BinfmtMisc;
    many autofs::Autofs;
    many signals::ThreadSignals;
    many pending_signals::PendingSignal;
    many signal_actions::SignalAction;
    many timers::Timer;
    many limits::Limit;
    many file_locks::FileLock;
    many namespaces::NamespaceRow;
    many interfaces::Interface;
    many addresses::InterfaceAddress;
    many routes::RouteRow;
    many routing_rules::RoutingRule;
    many conntrack::TrackedConnection;
    many firewall::FirewallLine;
    many sysctls::SysctlRow;
    many host_descriptors::HostDescriptor;
    many inode_paths::InodePathRow;
    one statistics::Statistics;
    many rootfs_changes::RootfsChange, Files;
    many volume_files::VolumeFile, Files;
    many log_lines::LogLine, Files;
    many members::Member;
    many images::Image;
    many warnings::Warning;
}

/// The living processes by pid, the order of most tables.
fn living(checkpoint: &Checkpoint) -> impl Iterator<Item = &process::Process> {
    let mut processes: Vec<_> = checkpoint.model().processes().iter().filter(|p| !p.is_zombie()).collect();
    processes.sort_by_key(|process| process.pid());
    processes.into_iter()
}

/// The threads of a process by tid.
fn threads_of(process: &process::Process) -> impl Iterator<Item = &process::Thread> {
    let mut threads: Vec<_> = process.threads.iter().collect();
    threads.sort_by_key(|thread| thread.tid);
    threads.into_iter()
}
