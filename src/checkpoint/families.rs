//! Parts of the model that only some questions need: each is read when it is first asked for, and only once.

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

/// Parts of what was dumped that [`Model`](crate::model::Model) does not have because few questions need them. Each is read
/// when it is first asked for.
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
        /// What has been read of them.
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
    /// Signals that wait, and what each process does about signals.
    signals: Signals = signal::read;
    /// Timers that run.
    timers: Timers = timer::read;
    /// Limits on what each process may use.
    resource_limits: ResourceLimits = rlimit::read;
    /// Locks of files.
    file_locks: FileLocks = lock::read;
    /// What the images of network namespaces hold.
    networks: Networks = netns::read;
    /// Settings of the kernel that belong to namespaces.
    sysctl_list: Vec<sysctl::Sysctl> = sysctl::read;
    /// Namespaces, by kind and number.
    namespace_map: namespaces::Namespaces = namespaces::read;
    /// Paths on the host: of the first process's descriptors, and of watched inodes.
    host_paths: host_paths::HostPaths = host_paths::read;
    /// Which processes hold which files, and how.
    holders: holders::Holders = holders::read;
    /// Pipes, and what waited in them.
    pipe_table: pipe::Pipes = pipe::read;
    /// What waited in pseudo terminals.
    terminal_queues: terminal::TerminalQueues = terminal::read;
    /// System V message queues and semaphores.
    system_v: ipc::Ipc = ipc::read;
    /// BPF maps and what was in them, by the kernel's number.
    bpf_map_table: BTreeMap<u32, bpf_map::BpfMap> = bpf_map::read;
    /// Filters of system calls.
    seccomp: seccomp::Filters = seccomp::read;
    /// Control groups.
    cgroup_sets: cgroup::Cgroups = cgroup::read;
    /// What was declared: the engine's specification.
    declared: declared::Declared = declared::read;
    /// What the container's mounts of autofs and `binfmt_misc` say, and the processors of the host.
    host: host::Host = host::read;
    /// Policies of `AppArmor`.
    apparmor_policies: Vec<lsm::Policy> = lsm::read;
}
