//! Table `declared`.

use std::collections::{HashMap, HashSet};

use bstr::{BString, ByteSlice};

use super::capabilities::mask_of;
use super::table::table;
use super::{process_envs, processes};
use crate::Checkpoint;
use crate::abi::capability;
use crate::model::Model;
use crate::model::declared::{CAPABILITY_SETS, Limit, Spec};
use crate::model::ids::{NamespaceId, Pid};
use crate::model::mount::Mount;
use crate::model::process::Process;

table! {
    "declared", key(fact, item), brief(fact, item, equal, declared, actual),
    event(Event::state(&["configuration"], "declared-state").secret_if("fact", "env", &["declared", "actual"]));
    /// What the specification declares for the container's first process, and what that process was. One row for each
    /// fact, so that differences are easy to find. A program may change any of these facts itself, so a difference is a
    /// question, not an answer. There are no rows if there is no specification.
    pub struct DeclaredFact {
        /// The fact: `argv`, `env`, `cwd`, `uid`, `gid`, `groups`, `umask`, `capabilities`, `rlimit`, `no_new_privs`,
        /// `lsm_profile`, `oom_score_adj`, `hostname` or `mount`.
        pub fact: &'static str,
        /// What the fact is about: the variable, the capability set, the resource limit or the mount point. Null if
        /// there is only one such fact.
        pub item: Option<BString>,
        /// Value that the specification declares. Null if it declares none.
        pub declared: Option<Vec<BString>>,
        /// Value in the checkpoint. Null if there was none, or if it is not recorded.
        pub actual: Option<Vec<BString>>,
        /// Process id of the process that was compared.
        pub pid: Pid,
        /// Whether the two values are the same. Null if unknown.
        pub equal: Option<bool>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = DeclaredFact> + '_ {
    let model = checkpoint.model();
    let root = model.processes().first();
    checkpoint.declared().spec.iter().zip(root).flat_map(move |(spec, root)| of_root(checkpoint, spec, root))
}

/// Facts of a process, in the order in which they are found.
struct Facts {
    pid: Pid,
    rows: Vec<DeclaredFact>,
}

/// Values as text.
fn texts<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<BString> {
    values.into_iter().map(|value| BString::from(value.to_string())).collect()
}

impl Facts {
    /// Adds a fact. If the specification or the image does not state it, it cannot be compared.
    fn add(
        &mut self,
        fact: &'static str,
        item: Option<BString>,
        declared: Option<Vec<BString>>,
        actual: Option<Vec<BString>>,
    ) {
        let equal = declared.as_ref().zip(actual.as_ref()).map(|(declared, actual)| declared == actual);
        self.rows.push(DeclaredFact { fact, item, declared, actual, pid: self.pid, equal });
    }

    fn one(&mut self, fact: &'static str, declared: Option<impl ToString>, actual: Option<impl ToString>) {
        self.add(fact, None, declared.map(|d| texts([d])), actual.map(|a| texts([a])));
    }
}

fn of_root(checkpoint: &Checkpoint, spec: &Spec, root: &Process) -> Vec<DeclaredFact> {
    let model = checkpoint.model();
    let actual = processes::row(checkpoint, root);
    let mut facts = Facts { pid: root.pid(), rows: Vec::new() };
    facts.add("argv", None, spec.args.as_ref().map(texts), actual.argv);
    environment(checkpoint, spec, root, &mut facts);
    facts.add("cwd", None, spec.cwd.as_ref().map(|cwd| texts([cwd])), actual.cwd.map(|cwd| vec![cwd]));
    facts.one("uid", spec.uid, actual.euid);
    facts.one("gid", spec.gid, actual.egid);
    groups(spec, actual.groups, &mut facts);
    facts.one("umask", spec.umask.map(|umask| format!("{umask:04o}")), actual.umask);
    let credentials = root.credentials();
    for set in CAPABILITY_SETS {
        let names = |mask: u64| texts(capability::names(mask));
        let own = credentials.as_ref().and_then(|credentials| mask_of(credentials, set));
        facts.add("capabilities", Some(set.into()), spec.capabilities(set).map(names), own.map(names));
    }
    for limit in &spec.limits {
        let own = limit_of(root, limit);
        let declared = limit.soft.zip(limit.hard).map(|(soft, hard)| limits(soft, hard));
        facts.add("rlimit", Some(limit.name.as_str().into()), declared, own.map(|(soft, hard)| limits(soft, hard)));
    }
    facts.one("no_new_privs", spec.no_new_privs, actual.no_new_privs);
    let profile = spec.apparmor.as_ref().or(spec.selinux.as_ref());
    profile_of(profile, actual.lsm_profile, &mut facts);
    facts.one("oom_score_adj", spec.oom_score_adj, actual.oom_score_adj);
    let hostname = model.container().hostname.clone();
    facts.add(
        "hostname",
        None,
        spec.hostname.as_ref().map(|name| texts([name])),
        hostname.map(|name| vec![name.into()]),
    );
    mounts(model, spec, root, &mut facts);
    facts.rows
}

/// Compares variables by name, those of the specification first. If a name occurs several times, the last one counts in
/// the specification and the first one in the process, which is the one that programs find.
fn environment(checkpoint: &Checkpoint, spec: &Spec, root: &Process, facts: &mut Facts) {
    let Some(declared) = &spec.env else { return };
    let split = |entry: &String| match entry.split_once('=') {
        Some((key, value)) => (BString::from(key), Some(vec![BString::from(value)])),
        None => (BString::from(entry.as_str()), None),
    };
    let mut variables: Vec<(BString, Option<Vec<BString>>)> = Vec::new();
    let mut places: HashMap<BString, usize> = HashMap::new();
    for (key, value) in declared.iter().map(split) {
        if let Some((_, known)) = places.get(&key).and_then(|&place| variables.get_mut(place)) {
            *known = value;
        } else {
            places.insert(key.clone(), variables.len());
            variables.push((key, value));
        }
    }
    // Without memory there is no environment to compare; an empty environment looks the same.
    let own = process_envs::of_process(checkpoint, root);
    let is_known = !own.is_empty();
    let mut first = HashMap::new();
    for variable in &own {
        first.entry(&variable.key).or_insert(variable);
    }
    for (key, value) in &variables {
        let actual = first.get(key);
        let actual = actual.map(|variable| variable.value.iter().cloned().collect::<Vec<_>>());
        let equal = is_known.then(|| actual == *value);
        facts.rows.push(DeclaredFact {
            fact: "env",
            item: Some(key.clone()),
            declared: value.clone(),
            actual,
            pid: facts.pid,
            equal,
        });
    }
    let mut seen: HashSet<&BString> = variables.iter().map(|(key, _)| key).collect();
    // An entry without `=` is not a variable; it may be the rest of an overwritten one. It is in `process_envs`.
    for variable in own.iter().filter(|variable| variable.value.is_some()) {
        if !seen.insert(&variable.key) {
            continue;
        }
        facts.rows.push(DeclaredFact {
            fact: "env",
            item: Some(variable.key.clone()),
            declared: None,
            actual: Some(variable.value.iter().cloned().collect()),
            pid: facts.pid,
            equal: Some(false),
        });
    }
}

/// Supplementary groups, in any order. The list may or may not contain the process's own group.
fn groups(spec: &Spec, actual: Option<Vec<u32>>, facts: &mut Facts) {
    let sorted = |groups: &[u32]| {
        let mut groups: Vec<u32> = groups.iter().copied().filter(|&group| Some(group) != spec.gid).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    };
    let declared = spec.groups.clone().unwrap_or_default();
    let names_user = spec.groups.is_some() || spec.uid.is_some();
    let equal = actual.as_ref().filter(|_| names_user).map(|actual| sorted(actual) == sorted(&declared));
    facts.rows.push(DeclaredFact {
        fact: "groups",
        item: None,
        declared: spec.groups.as_ref().map(texts),
        actual: actual.map(texts),
        pid: facts.pid,
        equal,
    });
}

/// The kernel adds the mode of an AppArmor profile to its name.
fn profile_of(declared: Option<&String>, actual: Option<BString>, facts: &mut Facts) {
    let equal = declared.zip(actual.as_ref()).map(|(declared, actual)| {
        let name = actual.find(" (").and_then(|at| actual.get(..at)).unwrap_or(actual);
        name == declared.as_bytes() || **actual == *declared.as_bytes()
    });
    facts.rows.push(DeclaredFact {
        fact: "lsm_profile",
        item: None,
        declared: declared.map(|profile| texts([profile])),
        actual: actual.map(|profile| vec![profile]),
        pid: facts.pid,
        equal,
    });
}

fn limits(soft: u64, hard: u64) -> Vec<BString> {
    let text = |limit: u64| if limit == u64::MAX { "unlimited".to_owned() } else { limit.to_string() };
    texts([text(soft), text(hard)])
}

/// Soft and hard limit of a process. Source of the numbers: `include/uapi/asm-generic/resource.h`; mips has other
/// numbers.
fn limit_of(process: &Process, limit: &Limit) -> Option<(u64, u64)> {
    const NAMES: [&str; 16] = [
        "CPU",
        "FSIZE",
        "DATA",
        "STACK",
        "CORE",
        "RSS",
        "NPROC",
        "NOFILE",
        "MEMLOCK",
        "AS",
        "LOCKS",
        "SIGPENDING",
        "MSGQUEUE",
        "NICE",
        "RTPRIO",
        "RTTIME",
    ];
    if process.arch() == Some(crate::abi::arch::Arch::Mips) {
        return None;
    }
    let name = limit.name.strip_prefix("RLIMIT_")?;
    let number = NAMES.iter().position(|known| *known == name)?;
    let own = process.task()?.rlimits.as_ref()?.rlimits.get(number)?;
    Some((own.cur?, own.max?))
}

/// Compares mounts by mount point: whether the mount exists and whether it is writable. Types and sources are not
/// compared, because the kernel and the engines name them differently.
fn mounts(model: &Model, spec: &Spec, root: &Process, facts: &mut Facts) {
    let namespace = root.ids.as_ref().and_then(|ids| ids.mnt_ns_id).map(NamespaceId);
    let own: Vec<_> = model.mounts().iter().filter(|mount| Some(mount.namespace) == namespace).collect();
    let trimmed = |path: &str| BString::from(if path.len() > 1 { path.trim_end_matches('/') } else { path });
    let is_read_only = |options: &[BString]| options.iter().any(|option| option == "ro");
    // The last mount at a path covers the earlier ones.
    let by_path: HashMap<BString, &Mount> = own.iter().map(|mount| (resolved(&mount.path), *mount)).collect();
    let mut declared_paths = HashSet::new();
    for mount in &model.container().mounts {
        let path = resolved(&trimmed(&mount.destination));
        let actual = by_path.get(&path);
        let options: Vec<BString> = mount.options.iter().map(|option| option.as_str().into()).collect();
        let access = |read_only: bool| texts([if read_only { "ro" } else { "rw" }]);
        let declared = access(is_read_only(&options));
        let actual = actual.map(|actual| access(is_read_only(&actual.options)));
        let equal = (!own.is_empty()).then(|| actual.as_ref() == Some(&declared));
        facts.rows.push(DeclaredFact {
            fact: "mount",
            item: Some(path.clone()),
            declared: Some(declared),
            actual,
            pid: facts.pid,
            equal,
        });
        declared_paths.insert(path);
    }
    // Runtimes mount the root, masked paths, read-only paths and devices without a mount entry in the specification.
    let covered = [&spec.masked_paths, &spec.read_only_paths].into_iter().flatten().flatten();
    let of_spec = covered.chain(spec.devices.iter().map(|d| &d.path));
    let of_spec: HashSet<&[u8]> = of_spec.map(String::as_bytes).collect();
    let by_other_means = |path: &[u8]| {
        path == b"/" || of_spec.contains(path) || path.starts_with(b"/dev/") || path.starts_with(b"/sys/fs/cgroup/")
    };
    for mount in own {
        let path = resolved(&mount.path);
        if !declared_paths.contains(&path) && !by_other_means(&path) {
            let access = if is_read_only(&mount.options) { "ro" } else { "rw" };
            facts.rows.push(DeclaredFact {
                fact: "mount",
                item: Some(path.clone()),
                declared: None,
                actual: Some(texts([access])),
                pid: facts.pid,
                equal: spec.lists_mounts.then_some(false),
            });
            declared_paths.insert(path);
        }
    }
}

/// The mount point as it is in current container images: `/var/run` is a link to `/run`.
fn resolved(path: &[u8]) -> BString {
    match path.strip_prefix(b"/var/run/") {
        Some(rest) => BString::from([b"/run/", rest].concat()),
        None => path.into(),
    }
}
