//! Namespaces: their processes, and the contents of their images.

use std::collections::BTreeMap;

use super::Model;
use super::engine_files::EngineFiles;
use super::ids::{NamespaceId, Pid};
use super::process::Process;
use crate::images::proto::{
    NetnsEntry, PidnsEntry, TaskKobjIdsEntry, TimensEntry, Timespec, UidGidExtent, UsernsEntry, UtsnsEntry,
};
use crate::images::{Images, Kind};

/// A namespace.
#[derive(Clone, Debug, Default)]
pub struct Namespace {
    /// Whether CRIU was in the namespace too; `None` if CRIU did not record its own.
    pub shared: Option<bool>,
    /// The processes in the namespace, by pid.
    pub processes: Vec<Pid>,
    /// The engine's name for a namespace that it made.
    pub external_key: Option<Vec<u8>>,
    /// Host name of a UTS namespace.
    pub host_name: Option<Vec<u8>>,
    /// NIS domain of a UTS namespace.
    pub domain_name: Option<Vec<u8>>,
    /// User id map of a user namespace: inside, outside, count.
    pub uid_map: Option<Vec<UidGidExtent>>,
    /// Group id map of a user namespace: inside, outside, count.
    pub gid_map: Option<Vec<UidGidExtent>>,
    /// `CLOCK_MONOTONIC` of a time namespace at the dump, in nanoseconds.
    pub monotonic_ns: Option<u64>,
    /// `CLOCK_BOOTTIME` of a time namespace at the dump, in nanoseconds.
    pub boottime_ns: Option<u64>,
    /// Ids that a network namespace gives to other network namespaces.
    pub net_ids: Vec<(NamespaceId, i32)>,
}

/// Kinds of namespaces, as in `/proc/PID/ns`, each with the field that holds a task's namespace.
type Field = fn(&TaskKobjIdsEntry) -> Option<u32>;
const KINDS: [(&str, Field); 8] = [
    ("cgroup", |ids| ids.cgroup_ns_id),
    ("ipc", |ids| ids.ipc_ns_id),
    ("mnt", |ids| ids.mnt_ns_id),
    ("net", |ids| ids.net_ns_id),
    ("pid", |ids| ids.pid_ns_id),
    ("time", |ids| ids.time_ns_id),
    ("user", |ids| ids.user_ns_id),
    ("uts", |ids| ids.uts_ns_id),
];

/// Whether a process was in the same namespace of a kind as CRIU, which is the engine's and the host's; `None` if CRIU
/// did not record one of them. The kind is named as in `/proc/PID/ns`.
pub fn is_shared(model: &Model, process: &Process, kind: &str) -> Option<bool> {
    let (_, field) = KINDS.iter().find(|(name, _)| *name == kind)?;
    let recorded = |ids| field(ids).filter(|&id| id != 0);
    let of_criu = recorded(model.inventory()?.root_ids.as_ref()?)?;
    Some(recorded(process.ids.as_ref()?)? == of_criu)
}

/// All namespaces, by kind and number.
pub type Namespaces = BTreeMap<(&'static str, NamespaceId), Namespace>;

/// Reads what is known of namespaces.
pub(crate) fn read(images: Images<'_>, model: &Model, _: &EngineFiles<'_>) -> Namespaces {
    let mut all = Namespaces::new();
    let of_criu = model.inventory().and_then(|inventory| inventory.root_ids.as_ref());
    for process in model.processes() {
        let Some(ids) = &process.ids else { continue };
        for (kind, field) in KINDS {
            if let Some(id) = field(ids).filter(|&id| id != 0) {
                all.entry((kind, NamespaceId(id))).or_default().processes.push(process.pid());
            }
        }
    }
    of_images(images, &mut all);
    for ((kind, id), namespace) in &mut all {
        let field = KINDS.iter().find(|(k, _)| k == kind).map(|(_, field)| field);
        let own = of_criu.zip(field).and_then(|(ids, field)| field(ids)).filter(|&own| own != 0);
        namespace.shared = own.map(|own| own == id.0);
        // Number 0 means the host's.
        if id.0 == 0 {
            namespace.shared = Some(true);
        }
        namespace.processes.sort_unstable();
        namespace.processes.dedup();
    }
    host_clocks(&mut all);
    all
}

/// CRIU writes the host's clocks under number 0. They belong to the namespace that processes share with CRIU.
fn host_clocks(all: &mut Namespaces) {
    let host = ("time", NamespaceId(0));
    let of_processes = all.iter().filter(|((kind, id), _)| *kind == "time" && id.0 != 0).map(|(key, _)| *key);
    let shared: Vec<_> = of_processes.filter(|key| all.get(key).and_then(|n| n.shared) == Some(true)).collect();
    if let [key] = shared.as_slice()
        && let Some(clocks) = all.remove(&host)
        && let Some(namespace) = all.get_mut(key)
    {
        namespace.monotonic_ns = clocks.monotonic_ns;
        namespace.boottime_ns = clocks.boottime_ns;
    }
}

/// Adds facts from the images of single namespaces.
fn of_images(images: Images<'_>, all: &mut Namespaces) {
    let numbers = |kind| images.set.of_kind(images.archive, kind).map(|(number, _)| number).collect::<Vec<_>>();
    let mut namespace = |kind, number: u64, set: &mut dyn FnMut(&mut Namespace)| {
        set(all.entry((kind, NamespaceId(u32::try_from(number).unwrap_or(u32::MAX)))).or_default());
    };
    for number in numbers(Kind::Utsns) {
        let Some(entry) = images.one::<UtsnsEntry>(Kind::Utsns, number) else { continue };
        namespace("uts", number, &mut |n| {
            n.host_name.clone_from(&entry.nodename);
            n.domain_name.clone_from(&entry.domainname);
        });
    }
    for number in numbers(Kind::Userns) {
        let Some(entry) = images.one::<UsernsEntry>(Kind::Userns, number) else { continue };
        namespace("user", number, &mut |n| {
            n.uid_map = Some(entry.uid_map.clone());
            n.gid_map = Some(entry.gid_map.clone());
        });
    }
    for number in numbers(Kind::Pidns) {
        let Some(entry) = images.one::<PidnsEntry>(Kind::Pidns, number) else { continue };
        namespace("pid", number, &mut |n| n.external_key.clone_from(&entry.ext_key));
    }
    for number in numbers(Kind::Netns) {
        let Some(entry) = images.one::<NetnsEntry>(Kind::Netns, number) else { continue };
        namespace("net", number, &mut |n| {
            n.external_key.clone_from(&entry.ext_key);
            n.net_ids = entry.nsids.iter().map(|id| (NamespaceId(id.target_ns_id()), id.netnsid_value())).collect();
        });
    }
    for number in numbers(Kind::Timens) {
        let Some(entry) = images.one::<TimensEntry>(Kind::Timens, number) else { continue };
        let clock = |time: &Option<Timespec>| {
            let time = time.as_ref()?;
            time.tv_sec?.checked_mul(1_000_000_000)?.checked_add(time.tv_nsec())
        };
        namespace("time", number, &mut |n| {
            n.monotonic_ns = clock(&entry.monotonic);
            n.boottime_ns = clock(&entry.boottime);
        });
    }
}
