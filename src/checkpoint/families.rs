//! Parts of the model that only some questions need. Each is read on first use, and only once.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::Checkpoint;
use crate::model::lock::{self, FileLocks};
use crate::model::netns::{self, Networks};
use crate::model::rlimit::{self, ResourceLimits};
use crate::model::signal::{self, Signals};
use crate::model::timer::{self, Timers};
use crate::model::{
    bpf_map, cgroup, declared, holders, host, host_paths, ipc, lsm, namespaces, pipe, seccomp, sysctl, terminal,
};

/// Parts of the dump that are not in [`Model`](crate::model::Model), as few questions need them. Each is read on first
/// use.
///
/// ```
/// # fn main() -> Result<(), cryoscope::Error> {
/// use cryoscope::Checkpoint;
///
/// let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
/// for (_, inode, pipe) in checkpoint.details().pipe_table().iter() {
///     println!("pipe {inode}: {} readers", pipe.readers.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Details<'c> {
    checkpoint: &'c Checkpoint,
}

impl<'c> Details<'c> {
    pub(super) fn new(checkpoint: &'c Checkpoint) -> Self {
        Details { checkpoint }
    }
}

/// Defines [`Families`], and the methods of [`Details`] that give each. `read` is a function of the model that takes
/// the images of the dump, the model, and the files next to the images.
macro_rules! families {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $read:path;)*) => {
        /// The parts read so far.
        #[derive(Debug, Default)]
        pub(super) struct Families {
            $($name: OnceLock<$type>,)*
        }

        impl<'c> Details<'c> {
            $($(#[doc = $doc])+
            pub fn $name(self) -> &'c $type {
                self.checkpoint.$name()
            })*
        }

        impl Checkpoint {
            $($(#[doc = $doc])+
            pub(crate) fn $name(&self) -> &$type {
                self.families.$name.get_or_init(|| {
                    let images = self.reader(self.images());
                    $read(images, self.model(), &self.engine_files())
                })
            })*

            /// Reads all of them, so that all warnings are known.
            pub(super) fn read_families(&self) {
                $(let _ = self.$name();)*
            }
        }
    };
}

families! {
    /// Pending signals, and the signal actions of each process.
    signals: Signals = signal::read;
    /// Running timers.
    timers: Timers = timer::read;
    /// Resource limits of each process.
    resource_limits: ResourceLimits = rlimit::read;
    /// File locks.
    file_locks: FileLocks = lock::read;
    /// Contents of the images of network namespaces.
    networks: Networks = netns::read;
    /// Kernel settings that belong to namespaces.
    sysctl_list: Vec<sysctl::Sysctl> = sysctl::read;
    /// Namespaces, by kind and number.
    namespace_map: namespaces::Namespaces = namespaces::read;
    /// Paths on the host: of the first process's descriptors, and of watched inodes.
    host_paths: host_paths::HostPaths = host_paths::read;
    /// Which processes hold which files, and how.
    holders: holders::Holders = holders::read;
    /// Pipes, and the bytes that waited in them.
    pipe_table: pipe::Pipes = pipe::read;
    /// Bytes that waited in pseudo terminals.
    terminal_queues: terminal::TerminalQueues = terminal::read;
    /// System V message queues and semaphores.
    system_v: ipc::Ipc = ipc::read;
    /// BPF maps and their contents, by the kernel's number.
    bpf_map_table: BTreeMap<u32, bpf_map::BpfMap> = bpf_map::read;
    /// Seccomp filters.
    seccomp: seccomp::Filters = seccomp::read;
    /// Control groups.
    cgroup_sets: cgroup::Cgroups = cgroup::read;
    /// The engine's specification.
    declared: declared::Declared = declared::read;
    /// Mounts of autofs and `binfmt_misc` in the container, and the processors of the host.
    host: host::Host = host::read;
    /// `AppArmor` policies.
    apparmor_policies: Vec<lsm::Policy> = lsm::read;
}
