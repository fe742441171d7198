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

mod addresses;
mod apparmor;
mod attributes;
mod autofs;
mod binfmt_misc;
mod bpf_maps;
mod capabilities;
mod cgroup_properties;
mod cgroups;
mod checkpoints;
mod columns;
mod conntrack;
mod container;
mod content;
mod cpuinfo;
mod declared;
mod devices;
mod dumped;
mod epoll;
mod event;
mod extracted;
mod failures;
mod fanotify;
mod file_locks;
mod firewall;
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
mod pending_signals;
mod pipes;
mod process_envs;
mod process_memory_map;
mod process_namespaces;
mod process_open_files;
mod process_open_sockets;
mod processes;
mod recovered_files;
mod rootfs_changes;
mod routes;
mod routing_rules;
mod schema;
mod seccomp_filters;
mod seccomp_instructions;
mod seccomp_rules;
mod signal_actions;
mod signals;
mod socket_filters;
mod statistics;
mod strings;
mod sysctls;
mod table;
mod tcp_connections;
mod tcp_queues;
mod threads;
mod timers;
mod tty_queues;
mod ttys;
mod unix_queues;
mod value;
mod volume_files;
mod warnings;

use std::ops::ControlFlow;

pub use addresses::InterfaceAddress;
pub use apparmor::AppArmorPolicy;
pub use attributes::Attributes;
pub use autofs::Autofs;
pub use binfmt_misc::BinfmtMisc;
pub use bpf_maps::BpfMapRow;
pub use capabilities::CapabilitySet;
pub use cgroup_properties::CgroupProperty;
pub use cgroups::Cgroup;
pub use checkpoints::Summary;
pub use columns::{ColumnRow, columns_of, on_one_line};
pub use conntrack::TrackedConnection;
pub use container::Container;
pub use cpuinfo::Cpu;
pub use declared::DeclaredFact;
pub use devices::DeclaredDevice;
pub use dumped::{DumpedRun, dumped};
pub use epoll::Epoll;
pub use event::{Event, Form, Subject, System, Target};
pub use extracted::Extracted;
pub use failures::Failure;
pub use fanotify::Fanotify;
pub use file_locks::FileLock;
pub use firewall::FirewallLine;
pub use holding::Holding;
pub use host_descriptors::HostDescriptor;
pub use images::Image;
pub use inode_paths::InodePathRow;
pub use inotify::Inotify;
pub use interfaces::Interface;
pub use ipc::IpcObject;
pub use ipc_messages::IpcMessage;
pub use isolation::Isolation;
pub use limits::Limit;
pub use log_lines::LogLine;
pub use mappings::Mappings;
pub use matches::{Match, MatchCount, Matches};
pub use members::Member;
pub use memory_classes::MemoryClass;
pub use memory_sizes::MemorySize;
pub use mounts::Mount;
pub use namespaces::NamespaceRow;
pub use nearest::nearest;
pub use pending_signals::PendingSignal;
pub use pipes::PipeRow;
pub use process_envs::ProcessEnv;
pub use process_memory_map::Mapping;
pub(crate) use process_memory_map::rows_of as mappings_of;
pub use process_namespaces::ProcessNamespaces;
pub use process_open_files::OpenFile;
pub(crate) use process_open_files::rows_of as open_files_of;
pub use process_open_sockets::{OpenSocket, OtherHolders};
pub use processes::Process;
pub use recovered_files::RecoveredFile;
pub(crate) use rootfs_changes::OpenPaths;
pub use rootfs_changes::RootfsChange;
pub use routes::RouteRow;
pub use routing_rules::RoutingRule;
pub use schema::{SCHEMA_VERSION, schema};
pub use seccomp_filters::SeccompFilter;
pub use seccomp_instructions::SeccompInstruction;
pub use seccomp_rules::SeccompRule;
pub use signal_actions::SignalAction;
pub use signals::ThreadSignals;
pub use socket_filters::SocketFilter;
pub use statistics::Statistics;
pub use strings::{StringRow, Strings};
pub use sysctls::SysctlRow;
pub use table::{Column, Row, Table};
pub use tcp_connections::TcpConnection;
pub use tcp_queues::TcpQueue;
pub use threads::Thread;
pub use timers::Timer;
pub use tty_queues::TtyQueue;
pub use ttys::Tty;
pub use unix_queues::UnixPacket;
pub use value::{Detail, Mask, Object, Type, Value};
pub use volume_files::VolumeFile;
pub use warnings::Warning;

use self::table::Weigh;
use crate::Checkpoint;
use crate::limits::Limits;
use crate::memory::Keep;
use crate::model::process;
use crate::warning::Place;

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
pub const ASKED: &[&Table] =
    &[&Match::TABLE, &MatchCount::TABLE, &StringRow::TABLE, &DumpedRun::TABLE, &Extracted::TABLE, &Failure::TABLE];

/// The table of archives that could not be read. A checkpoint, which could, has no rows of it: whoever opens archives makes
/// them.
pub static FAILURES: Source = Source { table: &Failure::TABLE, keep: Keep::Tables, each: |_, _| {} };

/// Every table of which a row can be printed, whatever the command.
pub fn every() -> impl Iterator<Item = &'static Table> + Clone {
    ALL.iter().map(|source| source.table).chain(ASKED.iter().copied()).chain([&Summary::TABLE])
}

/// Defines [`ALL`], and the methods of [`Checkpoint`] that give typed rows. What has to be kept for a table's rows is
/// [`Keep::Arguments`] unless told.
macro_rules! sources {
    ($($(#[doc = $doc:literal])+ $method:ident: $module:ident::$row:ident $(, $keep:ident)?;)+) => {
        /// All tables, in the order in which they are documented.
        pub const ALL: &[Source] = &[$(Source {
            table: &$row::TABLE,
            keep: Keep::Arguments$(.and(Keep::$keep))?,
            each: |checkpoint, sink| {
                let _ = bounded(checkpoint, $module::$row::TABLE.name, $module::rows(checkpoint)).try_for_each(|row| sink(&row));
            },
        },)+];

        impl Checkpoint {
            $($(#[doc = $doc])+
            pub fn $method(&self) -> impl Iterator<Item = $row> + '_ {
                bounded(self, $module::$row::TABLE.name, $module::rows(self))
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
    /// Rows of `pipes`.
    pipes: pipes::PipeRow;
    /// Rows of `unix_queues`.
    unix_queues: unix_queues::UnixPacket;
    /// Rows of `tcp_connections`.
    tcp_connections: tcp_connections::TcpConnection;
    /// Rows of `tcp_queues`.
    tcp_queues: tcp_queues::TcpQueue;
    /// Rows of `tty_queues`.
    tty_queues: tty_queues::TtyQueue;
    /// Rows of `ipc`.
    ipc: ipc::IpcObject;
    /// Rows of `ipc_messages`.
    ipc_messages: ipc_messages::IpcMessage;
    /// Rows of `bpf_maps`.
    bpf_maps: bpf_maps::BpfMapRow;
    /// Rows of `recovered_files`.
    recovered_files: recovered_files::RecoveredFile, Everything;
    /// Rows of `mounts`.
    mounts: mounts::Mount;
    /// Rows of `process_namespaces`.
    process_namespaces: process_namespaces::ProcessNamespaces;
    /// Rows of `seccomp_filters`.
    seccomp_filters: seccomp_filters::SeccompFilter;
    /// Rows of `seccomp_rules`.
    seccomp_rules: seccomp_rules::SeccompRule;
    /// Rows of `seccomp_instructions`.
    seccomp_instructions: seccomp_instructions::SeccompInstruction;
    /// Rows of `socket_filters`.
    socket_filters: socket_filters::SocketFilter;
    /// Rows of `cgroups`.
    cgroups: cgroups::Cgroup;
    /// Rows of `cgroup_properties`.
    cgroup_properties: cgroup_properties::CgroupProperty;
    /// Rows of `epoll`.
    epoll: epoll::Epoll;
    /// Rows of `inotify`.
    inotify: inotify::Inotify;
    /// Rows of `fanotify`.
    fanotify: fanotify::Fanotify;
    /// Rows of `ttys`.
    ttys: ttys::Tty;
    /// Rows of `apparmor`.
    apparmor: apparmor::AppArmorPolicy;
    /// Rows of `isolation`.
    isolation: isolation::Isolation;
    /// Rows of `capabilities`.
    capabilities: capabilities::CapabilitySet;
    /// Rows of `devices`.
    devices: devices::DeclaredDevice;
    /// Rows of `declared`.
    declared_facts: declared::DeclaredFact;
    /// Rows of `cpuinfo`.
    cpuinfo: cpuinfo::Cpu;
    /// Rows of `binfmt_misc`.
    binfmt_misc: binfmt_misc::BinfmtMisc;
    /// Rows of `autofs`.
    autofs: autofs::Autofs;
    /// Rows of `signals`.
    signal_rows: signals::ThreadSignals;
    /// Rows of `pending_signals`.
    pending_signals: pending_signals::PendingSignal;
    /// Rows of `signal_actions`.
    signal_actions: signal_actions::SignalAction;
    /// Rows of `timers`.
    timer_rows: timers::Timer;
    /// Rows of `limits`.
    limit_rows: limits::Limit;
    /// Rows of `file_locks`.
    file_lock_rows: file_locks::FileLock;
    /// Rows of `namespaces`.
    namespaces: namespaces::NamespaceRow;
    /// Rows of `interfaces`.
    interfaces: interfaces::Interface;
    /// Rows of `addresses`.
    addresses: addresses::InterfaceAddress;
    /// Rows of `routes`.
    routes: routes::RouteRow;
    /// Rows of `routing_rules`.
    routing_rules: routing_rules::RoutingRule;
    /// Rows of `conntrack`.
    conntrack: conntrack::TrackedConnection;
    /// Rows of `firewall`.
    firewall: firewall::FirewallLine;
    /// Rows of `sysctls`.
    sysctls: sysctls::SysctlRow;
    /// Rows of `host_descriptors`.
    host_descriptors: host_descriptors::HostDescriptor;
    /// Rows of `inode_paths`.
    inode_paths: inode_paths::InodePathRow;
    /// Rows of `statistics`: one.
    statistics_rows: statistics::Statistics;
    /// Rows of `rootfs_changes`.
    rootfs_changes: rootfs_changes::RootfsChange, Files;
    /// Rows of `volume_files`.
    volume_files: volume_files::VolumeFile, Files;
    /// Rows of `log_lines`.
    log_lines: log_lines::LogLine, Files;
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

/// Rows, as far as they are not too much altogether: what is said once may belong to many rows, such as the name of a file
/// that is open a hundred thousand times.
fn bounded<'c, R: Weigh>(
    checkpoint: &'c Checkpoint,
    name: &'static str,
    rows: impl Iterator<Item = R> + 'c,
) -> impl Iterator<Item = R> + 'c {
    let limit = checkpoint.limits().table_bytes;
    let mut left = checkpoint.in_proportion(limit);
    rows.map_while(move |row| {
        if let Some(rest) = left.checked_sub(row.weight()) {
            left = rest;
            return Some(row);
        }
        let each = Checkpoint::EACH_BYTE;
        checkpoint.warn(&Limits::TABLE_BYTES, Place::archive(), || {
            format!(
                "the rows of {name} take more than {limit} bytes, and {each} for each byte of the archive; the rest is \
                 left out"
            )
        });
        None
    })
}

/// The living processes by pid, which is the order of most tables.
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
