//! Parts of the model that only some questions need: each is read when it is first asked for, and only once.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::Checkpoint;
use crate::model::netns::{self, Networks};
use crate::model::{bpf_map, holders, host, ipc, namespaces, pipe, sysctl, terminal};

/// Defines [`Families`], and the methods of [`Checkpoint`] that give each. `read` is a function of the model that takes
/// the images of the dump, the model, and what lies beside the images.
macro_rules! families {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $read:path;)*) => {
        /// What has been read of them.
        #[derive(Debug, Default)]
        pub(super) struct Families {
            $($name: OnceLock<$type>,)*
        }

        impl Checkpoint {
            $($(#[doc = $doc])+
            pub fn $name(&self) -> &$type {
                self.families.$name.get_or_init(|| {
                    let images = self.reader(self.images());
                    $read(images, self.model(), &self.side())
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
    /// What the images of network namespaces hold.
    networks: Networks = netns::read;
    /// Settings of the kernel that belong to namespaces.
    sysctl_list: Vec<sysctl::Sysctl> = sysctl::read;
    /// Namespaces, by kind and number.
    namespace_map: namespaces::Namespaces = namespaces::read;
    /// What lies beside the images and tells of the host.
    host: host::Host = host::read;
    /// Which processes hold which files, and how.
    holders: holders::Holders = holders::read;
    /// Pipes, and what waited in them.
    pipe_table: pipe::Pipes = pipe::read;
    /// What waited in pseudo terminals.
    terminal_queues: Vec<terminal::Waiting> = terminal::read;
    /// System V message queues and semaphores.
    system_v: ipc::Ipc = ipc::read;
    /// BPF maps and what was in them, by the kernel's number.
    bpf_map_table: BTreeMap<u32, bpf_map::BpfMap> = bpf_map::read;
}
