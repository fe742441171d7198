//! The kinds of image files: names, magic numbers and contents. One line for each kind, in the order of CRIU's
//! `magic.h` and `image-desc.c`.

use std::fmt;

use bstr::ByteSlice;

/// The form of an image's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Size-prefixed protobuf records after magic numbers.
    Records {
        /// The kind's own magic number.
        magic: u32,
        /// Message of the first record.
        first: &'static str,
        /// Message of all other records.
        rest: &'static str,
        /// The bytes that follow each record.
        payload: Payload,
    },
    /// Bytes without framing: pages, tars, netlink messages.
    Raw,
    /// Text without framing.
    Text,
    /// One message after a 64-bit length, as plugins write it.
    Plugin(&'static str),
}

/// The bytes that follow a record in its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing.
    None,
    /// `pipe_data_entry.bytes` bytes.
    Pipe,
    /// `sk_packet_entry.length` bytes.
    Packet,
    /// `tcp_stream_entry.inq_len` bytes, then `outq_len` bytes.
    TcpStream,
    /// The rest of the image, or chunks: records with `len` bytes after each.
    Ghost,
    /// `bpfmap_data_entry.keys_bytes` bytes, then `values_bytes` bytes.
    BpfMap,
    /// `ipc_shm_entry.size` bytes padded to 4, unless `in_pagemaps`.
    IpcShm,
    /// `ipc_sem_entry.nsems` 16-bit numbers, padded to 8 bytes.
    IpcSem,
    /// `ipc_msg_entry.qnum` messages: a size-prefixed `ipc_msg`, then `msize` bytes padded to 8.
    IpcMsg,
}

const fn records(magic: u32, message: &'static str, payload: Payload) -> Form {
    headed(magic, message, message, payload)
}

const fn headed(magic: u32, first: &'static str, rest: &'static str, payload: Payload) -> Form {
    Form::Records { magic, first, rest, payload }
}

/// Defines [`Kind`]: name, CRIU's constant, file name (`%u` stands for a decimal number, `%x` for a hexadecimal one,
/// `*` for anything), contents.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $constant:literal, $pattern:literal, $form:expr;)+) => {
        /// A kind of image file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind { $($(#[doc = $doc])+ $variant,)+ }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)+];

            /// CRIU's name of the kind, for example `PSTREE`.
            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$variant => $constant,)+ }
            }

            /// The file name; `%u` and `%x` stand for the number in it, `*` for anything.
            pub fn pattern(self) -> &'static str {
                match self { $(Kind::$variant => $pattern,)+ }
            }

            /// Form of the contents.
            pub fn form(self) -> Form {
                match self { $(Kind::$variant => $form,)+ }
            }
        }
    };
}

kinds! {
    /// Facts about the dump: version, options, ids of the dumping CRIU process.
    Inventory = "INVENTORY", "inventory.img", records(0x5831_3116, "inventory_entry", Payload::None);
    /// Process tree with thread ids.
    Pstree = "PSTREE", "pstree.img", records(0x5027_3030, "pstree_entry", Payload::None);
    /// Registers, credentials, signals, limits, state. Zombies have one too (state 2).
    Core = "CORE", "core-%u.img", records(0x5505_3847, "core_entry", Payload::None);
    /// Ids of mm, descriptor table, fs, sighand and the eight namespaces. Not written for zombies.
    Ids = "IDS", "ids-%u.img", records(0x5443_2030, "task_kobj_ids_entry", Payload::None);
    /// Address space: layout, auxv, VMAs (inside since v1.2, see vmas).
    Mm = "MM", "mm-%u.img", records(0x5749_2820, "mm_entry", Payload::None);
    /// VMAs of a task, old place.
    Vmas = "VMAS", "vmas-%u.img", records(0x5412_3737, "vma_entry", Payload::None);
    /// Which pages of the task are in `pages-N` or in the parent dump.
    Pagemap = "PAGEMAP", "pagemap-%u.img", headed(0x5608_4025, "pagemap_head", "pagemap_entry", Payload::None);
    /// The same for shared memory. `vaddr` is the offset in the object.
    ShmemPagemap = "SHMEM_PAGEMAP", "pagemap-shmem-%u.img", headed(0x5608_4025, "pagemap_head", "pagemap_entry", Payload::None);
    /// Memory contents.
    Pages = "PAGES", "pages-%u.img", Form::Raw;
    /// The same in LZ4 frames, as `CRaC`'s fork of CRIU writes it.
    PagesFramed = "PAGES", "pages-%u.comp.img", Form::Raw;
    /// Shared memory before pagemaps existed.
    ShmPagesOld = "SHM_PAGES_OLD", "pages-shmem-%u.img", Form::Raw;
    /// One record per descriptor: number, file id, type, close-on-exec.
    Fdinfo = "FDINFO", "fdinfo-%u.img", records(0x5621_3732, "fdinfo_entry", Payload::None);
    /// All open files, sockets, and executables, current directories, roots and mapped files, by id.
    Files = "FILES", "files.img", records(0x5630_3138, "file_entry", Payload::None);
    /// Split file table: reg-files.
    RegFiles = "REG_FILES", "reg-files.img", records(0x5036_3636, "reg_file_entry", Payload::None);
    /// Split file table: ext-files.
    ExtFiles = "EXT_FILES", "ext-files.img", records(0x5925_5641, "ext_file_entry", Payload::None);
    /// Split file table: ns-files.
    NsFiles = "NS_FILES", "ns-files.img", records(0x6139_4011, "ns_file_entry", Payload::None);
    /// Split file table: eventfd.
    Eventfd = "EVENTFD_FILE", "eventfd.img", records(0x4452_3722, "eventfd_file_entry", Payload::None);
    /// Split file table: eventpoll.
    Eventpoll = "EVENTPOLL_FILE", "eventpoll.img", records(0x4502_3858, "eventpoll_file_entry", Payload::None);
    /// Split file table: signalfd.
    Signalfd = "SIGNALFD", "signalfd.img", records(0x5732_3820, "signalfd_entry", Payload::None);
    /// Split file table: inotify.
    Inotify = "INOTIFY_FILE", "inotify.img", records(0x4842_4431, "inotify_file_entry", Payload::None);
    /// Split file table: fanotify.
    Fanotify = "FANOTIFY_FILE", "fanotify.img", records(0x5509_6122, "fanotify_file_entry", Payload::None);
    /// Split file table: pipes.
    Pipes = "PIPES", "pipes.img", records(0x5651_3555, "pipe_entry", Payload::None);
    /// Split file table: fifo.
    Fifo = "FIFO", "fifo.img", records(0x5836_4939, "fifo_entry", Payload::None);
    /// Split file table: unixsk.
    UnixSk = "UNIXSK", "unixsk.img", records(0x5437_3943, "unix_sk_entry", Payload::None);
    /// Split file table: inetsk.
    InetSk = "INETSK", "inetsk.img", records(0x5644_3851, "inet_sk_entry", Payload::None);
    /// Split file table: packetsk.
    PacketSk = "PACKETSK", "packetsk.img", records(0x6045_4618, "packet_sock_entry", Payload::None);
    /// Split file table: netlinksk.
    NetlinkSk = "NETLINK_SK", "netlinksk.img", records(0x5800_5614, "netlink_sk_entry", Payload::None);
    /// Split file table: tty.
    Tty = "TTY_FILES", "tty.img", records(0x5943_3025, "tty_file_entry", Payload::None);
    /// Split file table: tunfile.
    Tunfile = "TUNFILE", "tunfile.img", records(0x5714_3751, "tunfile_entry", Payload::None);
    /// Split file table: timerfd.
    Timerfd = "TIMERFD", "timerfd.img", records(0x5049_3712, "timerfd_entry", Payload::None);
    /// Targets of epoll files, joined by id.
    EventpollTfd = "EVENTPOLL_TFD", "eventpoll-tfd.img", records(0x4443_3746, "eventpoll_tfd_entry", Payload::None);
    /// Inotify watches, joined by id.
    InotifyWd = "INOTIFY_WD", "inotify-wd.img", records(0x5456_2009, "inotify_wd_entry", Payload::None);
    /// Fanotify marks, joined by id.
    FanotifyMark = "FANOTIFY_MARK", "fanotify-mark.img", records(0x5650_6035, "fanotify_mark_entry", Payload::None);
    /// Reserved name; the entries are in files.img.
    BpfmapFile = "BPFMAP_FILE", "bpfmap-file.img", records(0x5750_6142, "bpfmap_file_entry", Payload::None);
    /// Reserved name; the entries are in files.img.
    Pidfd = "PIDFD", "pidfd.img", records(0x5443_5556, "pidfd_entry", Payload::None);
    /// Contents of BPF maps.
    BpfmapData = "BPFMAP_DATA", "bpfmap-data.img", records(0x6432_4033, "bpfmap_data_entry", Payload::BpfMap);
    /// Bytes waiting in pipes, one record per pipe.
    PipesData = "PIPES_DATA", "pipes-data.img", records(0x5645_3709, "pipe_data_entry", Payload::Pipe);
    /// Bytes waiting in named pipes.
    FifoData = "FIFO_DATA", "fifo-data.img", records(0x5933_3054, "pipe_data_entry", Payload::Pipe);
    /// Queued packets of unix (and other non-TCP) sockets, joined by `id_for`, a file id.
    SkQueues = "SK_QUEUES", "sk-queues.img", records(0x5626_4026, "sk_packet_entry", Payload::Packet);
    /// Established TCP connection.
    TcpStream = "TCP_STREAM", "tcp-stream-%x.img", records(0x5146_5506, "tcp_stream_entry", Payload::TcpStream);
    /// Contents of deleted but open files.
    GhostFile = "GHOST_FILE", "ghost-file-%x.img", headed(0x5258_3605, "ghost_file_entry", "ghost_chunk_entry", Payload::Ghost);
    /// Ids of files that were deleted, and where their contents are.
    RemapFpath = "REMAP_FPATH", "remap-fpath.img", records(0x5913_3954, "remap_file_path_entry", Payload::None);
    /// Memfd objects.
    Memfd = "MEMFD_INODE", "memfd.img", records(0x4845_3499, "memfd_inode_entry", Payload::None);
    /// Current and root directory (file ids), umask.
    Fs = "FS", "fs-%u.img", records(0x5140_3912, "fs_entry", Payload::None);
    /// Flock/POSIX/OFD locks and leases.
    FileLocks = "FILE_LOCKS", "filelocks.img", records(0x5432_3616, "file_lock_entry", Payload::None);
    /// Same, one file per task.
    FileLocksPid = "FILE_LOCKS_PID", "filelocks-%u.img", records(0x5432_3616, "file_lock_entry", Payload::None);
    /// Cgroup membership sets and the properties of the directories.
    Cgroup = "CGROUP", "cgroup.img", records(0x5938_3330, "cgroup_entry", Payload::None);
    /// All seccomp filters of all threads.
    Seccomp = "SECCOMP", "seccomp.img", records(0x6441_3049, "seccomp_entry", Payload::None);
    /// `AppArmor` namespaces and policy blobs.
    Apparmor = "APPARMOR", "apparmor.img", records(0x5942_3047, "apparmor_entry", Payload::None);
    /// Processor features; only if asked for.
    Cpuinfo = "CPUINFO", "cpuinfo.img", records(0x6140_4013, "cpuinfo_entry", Payload::None);
    /// Terminals: session, termios, window size.
    TtyInfo = "TTY_INFO", "tty-info.img", records(0x5945_3036, "tty_info_entry", Payload::None);
    /// Bytes waiting in pseudo-terminals.
    TtyData = "TTY_DATA", "tty-data.img", records(0x5941_3026, "tty_data_entry", Payload::None);
    /// Host name, domain name.
    Utsns = "UTSNS", "utsns-%u.img", records(0x5447_3203, "utsns_entry", Payload::None);
    /// IPC sysctls.
    IpcVar = "IPC_VAR", "ipcns-var-%u.img", records(0x5311_5007, "ipc_var_entry", Payload::None);
    /// System V shared memory segments.
    IpcnsShm = "IPCNS_SHM", "ipcns-shm-%u.img", records(0x4628_3044, "ipc_shm_entry", Payload::IpcShm);
    /// System V semaphore sets.
    IpcnsSem = "IPCNS_SEM", "ipcns-sem-%u.img", records(0x5957_3019, "ipc_sem_entry", Payload::IpcSem);
    /// System V message queues with their messages.
    IpcnsMsg = "IPCNS_MSG", "ipcns-msg-%u.img", records(0x5545_3737, "ipc_msg_entry", Payload::IpcMsg);
    /// Mount table.
    Mountpoints = "MNTS", "mountpoints-%u.img", records(0x5556_3928, "mnt_entry", Payload::None);
    /// Uid and gid maps.
    Userns = "USERNS", "userns-%u.img", records(0x5547_4906, "userns_entry", Payload::None);
    /// Monotonic and boottime clock readings at dump.
    Timens = "TIMENS", "timens-%u.img", records(0x4311_4433, "timens_entry", Payload::None);
    /// External key of a pid namespace.
    Pidns = "PIDNS", "pidns-%u.img", records(0x6115_7326, "pidns_entry", Payload::None);
    /// Sysctls of the network namespace, ids of other namespaces, external key.
    Netns = "NETNS", "netns-%u.img", records(0x5593_3752, "netns_entry", Payload::None);
    /// Network interfaces.
    Netdev = "NETDEV", "netdev-%u.img", records(0x5737_3951, "net_device_entry", Payload::None);
    /// Addresses.
    Ifaddr = "IFADDR", "ifaddr-%u.img", Form::Raw;
    /// IPv4 routes.
    Route = "ROUTE", "route-%u.img", Form::Raw;
    /// IPv6 routes.
    Route6 = "ROUTE6", "route6-%u.img", Form::Raw;
    /// Routing rules.
    Rule = "RULE", "rule-%u.img", Form::Raw;
    /// IPv4 filter rules.
    Iptables = "IPTABLES", "iptables-%u.img", Form::Text;
    /// IPv6 filter rules.
    Ip6tables = "IP6TABLES", "ip6tables-%u.img", Form::Text;
    /// Nftables rules.
    Nftables = "NFTABLES", "nftables-%u.img", Form::Text;
    /// Conntrack table.
    Conntrack = "NETNF_CT", "netns-ct-%u.img", Form::Raw;
    /// Conntrack expectations.
    ConntrackExpect = "NETNF_EXP", "netns-exp-%u.img", Form::Raw;
    /// Contents of a tmpfs mount, old name.
    TmpfsOld = "TMPFS_IMG", "tmpfs-%u.tar.gz.img", Form::Raw;
    /// Contents of a tmpfs or devtmpfs superblock.
    TmpfsDev = "TMPFS_DEV", "tmpfs-dev-%u.tar.gz.img", Form::Raw;
    /// Autofs mount.
    Autofs = "AUTOFS", "autofs-%u.img", records(0x4935_3943, "autofs_entry", Payload::None);
    /// Registered binary formats.
    BinfmtMisc = "BINFMT_MISC", "binfmt-misc.img", records(0x6734_3323, "binfmt_misc_entry", Payload::None);
    /// Same, old name.
    BinfmtMiscOld = "BINFMT_MISC_OLD", "binfmt-misc-%u.img", records(0x6734_3323, "binfmt_misc_entry", Payload::None);
    /// Signal handlers, 62 records, old place.
    Sigacts = "SIGACT", "sigacts-%u.img", records(0x5534_4201, "sa_entry", Payload::None);
    /// Interval timers, 3 records real, virtual, prof, old place.
    Itimers = "ITIMERS", "itimers-%u.img", records(0x5746_4056, "itimer_entry", Payload::None);
    /// POSIX timers, old place.
    PosixTimers = "POSIX_TIMERS", "posix-timers-%u.img", records(0x5260_3957, "posix_timer_entry", Payload::None);
    /// Credentials, old place.
    Creds = "CREDS", "creds-%u.img", records(0x5402_3547, "creds_entry", Payload::None);
    /// Resource limits in index order, old place.
    Rlimit = "RLIMIT", "rlimit-%u.img", records(0x5711_3925, "rlimit_entry", Payload::None);
    /// Shared pending signals, old place.
    SignalShared = "SIGNAL", "signal-s-%u.img", records(0x5925_5647, "siginfo_entry", Payload::None);
    /// Private pending signals, old place.
    SignalPrivate = "PSIGNAL", "signal-p-%u.img", records(0x5925_5647, "siginfo_entry", Payload::None);
    /// Statistics of the dump (work directory, no .img).
    StatsDump = "STATS", "stats-dump", records(0x5709_3306, "stats_entry", Payload::None);
    /// Statistics of a restore.
    StatsRestore = "STATS", "stats-restore", records(0x5709_3306, "stats_entry", Payload::None);
    /// Cache of paths by device and inode, for fsnotify (work directory).
    IrmapCache = "IRMAP_CACHE", "irmap-cache", records(0x5700_4059, "irmap_cache_entry", Payload::None);
    /// Array of strings: the links of descriptors 0, 1 and 2 of the container; written by runc and crun.
    Descriptors = "DESCRIPTORS", "descriptors.json", Form::Text;
    /// AMD GPU plugin: KFD state.
    AmdgpuKfd = "AMDGPU", "amdgpu-kfd-%u.img", Form::Plugin("criu_kfd");
    /// AMD GPU plugin: render node.
    AmdgpuRender = "AMDGPU", "amdgpu-renderD-%u.img", Form::Plugin("criu_render_node");
    /// AMD GPU plugin: video memory.
    AmdgpuPages = "AMDGPU", "amdgpu-pages-*.img", Form::Raw;
    /// AMD GPU plugin: shared buffer handle.
    AmdgpuDmabuf = "AMDGPU", "amdgpu-dmabuf_%u.img", Form::Plugin("criu_dmabuf_node");
    /// AMD GPU plugin: video memory of a render node.
    AmdgpuDrmPages = "AMDGPU", "amdgpu-drm-pages-*.img", Form::Raw;
}

impl Kind {
    /// The kind of a file by its name, and the number in the name (0 if there is none).
    ///
    /// ```
    /// use cryoscope::images::Kind;
    ///
    /// assert_eq!(Kind::from_file_name(b"core-17.img"), Some((Kind::Core, 17)));
    /// assert_eq!(Kind::from_file_name(b"tcp-stream-1f.img"), Some((Kind::TcpStream, 31)));
    /// assert_eq!(Kind::from_file_name(b"core-.img"), None);
    /// ```
    pub fn from_file_name(file_name: &[u8]) -> Option<(Kind, u64)> {
        Kind::ALL.iter().find_map(|&kind| Some((kind, kind.number(file_name)?)))
    }

    /// The number in a file name of this kind.
    fn number(self, file_name: &[u8]) -> Option<u64> {
        let pattern = self.pattern();
        let Some((prefix, suffix)) = pattern.split_once(['%', '*']) else {
            return (file_name == pattern.as_bytes()).then_some(0);
        };
        let middle = file_name.strip_prefix(prefix.as_bytes())?;
        if pattern.contains('*') {
            return middle.ends_with(suffix.as_bytes()).then_some(0);
        }
        let (radix, suffix) = suffix.split_at_checked(1)?;
        let digits = middle.strip_suffix(suffix.as_bytes())?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        u64::from_str_radix(digits.to_str().ok()?, if radix == "x" { 16 } else { 10 }).ok()
    }

    /// The kind whose images begin with a magic number. If there are several, the first.
    pub(crate) fn from_magic(number: u32) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.magic() == Some(number))
    }

    /// The kind's own magic number, if its images have one.
    pub fn magic(self) -> Option<u32> {
        match self.form() {
            Form::Records { magic, .. } => Some(magic),
            _ => None,
        }
    }

    /// The message type of a record of this kind, by the record's number.
    pub fn message(self, record: u64) -> Option<&'static str> {
        match self.form() {
            Form::Records { first, rest, .. } => Some(if record == 0 { first } else { rest }),
            Form::Plugin(message) => Some(message),
            Form::Raw | Form::Text => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_kind_and_number() {
        assert_eq!(Kind::from_file_name(b"inventory.img"), Some((Kind::Inventory, 0)));
        assert_eq!(Kind::from_file_name(b"pagemap-7.img"), Some((Kind::Pagemap, 7)));
        assert_eq!(Kind::from_file_name(b"pagemap-shmem-7.img"), Some((Kind::ShmemPagemap, 7)));
        assert_eq!(Kind::from_file_name(b"pages-7.comp.img"), Some((Kind::PagesFramed, 7)));
        assert_eq!(Kind::from_file_name(b"ghost-file-1f.img"), Some((Kind::GhostFile, 31)));
        assert_eq!(Kind::from_file_name(b"tmpfs-dev-57.tar.gz.img"), Some((Kind::TmpfsDev, 57)));
        assert_eq!(Kind::from_file_name(b"amdgpu-pages-3-00a1.img"), Some((Kind::AmdgpuPages, 0)));
        assert_eq!(Kind::from_file_name(b"stats-dump"), Some((Kind::StatsDump, 0)));
        assert_eq!(Kind::from_file_name(b"binfmt-misc.img"), Some((Kind::BinfmtMisc, 0)));
        for name in ["core-1f.img", "core-+1.img", "core-99999999999999999999.img", "xcore-1.img", "core-1.img.tmp", ""]
        {
            assert_eq!(Kind::from_file_name(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn every_pattern_is_of_its_own_kind() {
        for &kind in Kind::ALL {
            let name = kind.pattern().replace("%u", "12").replace("%x", "c").replace('*', "1-0000");
            let number = if kind.pattern().contains('%') { 12 } else { 0 };
            assert_eq!(Kind::from_file_name(name.as_bytes()), Some((kind, number)), "{name}");
        }
    }
}
