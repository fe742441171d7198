//! What was asked for: the OCI runtime specification (`spec.dump`) and what engines add to it (`config.dump`). What
//! actually was is in the images.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::Document;
use super::engine::Documents;
use super::{EngineFiles, Model};
use crate::abi;
use crate::images::Images;

/// Names of the capability sets in the specification, in the order of `/proc/PID/status`.
pub const CAPABILITY_SETS: [&str; 5] = ["inheritable", "permitted", "effective", "bounding", "ambient"];

/// A namespace in the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// `pid`, `network`, `mount`, `ipc`, `uts`, `user`, `cgroup` or `time`.
    pub kind: String,
    /// The namespace to join; `None` for a new one.
    pub path: Option<String>,
}

/// A device node created in the container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Path of the node.
    pub path: String,
    /// Type: `c`, `b`, `u` or `p`.
    pub device_type: Option<String>,
    /// Major number.
    pub major: Option<i64>,
    /// Minor number.
    pub minor: Option<i64>,
    /// Mode, with or without the file type.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

/// A rule of the device controller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceRule {
    /// Whether the rule allows or refuses access.
    pub allow: Option<bool>,
    /// Type: `a`, `b` or `c`; `None` means all.
    pub device_type: Option<String>,
    /// Major number; `None` means all.
    pub major: Option<i64>,
    /// Minor number; `None` means all.
    pub minor: Option<i64>,
    /// Letters of `r`, `w` and `m`.
    pub access: Option<String>,
}

/// A resource limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// Name, for example `RLIMIT_NOFILE`.
    pub name: String,
    /// Soft limit.
    pub soft: Option<u64>,
    /// Hard limit.
    pub hard: Option<u64>,
}

/// A seccomp profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeccompProfile {
    /// What happens to calls that no rule names, for example `SCMP_ACT_ERRNO`.
    pub default_action: Option<String>,
    /// Error number of the default action, if given.
    pub default_errno: Option<u64>,
    /// Number of rules.
    pub rules: usize,
}

/// The parts of the specification that can be compared with the images or say what the container was allowed to do.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// Arguments of the first process.
    pub args: Option<Vec<String>>,
    /// Environment of the first process.
    pub env: Option<Vec<String>>,
    /// Current directory of the first process.
    pub cwd: Option<String>,
    /// User id.
    pub uid: Option<u32>,
    /// Group id.
    pub gid: Option<u32>,
    /// Supplementary groups; `None` if not stated, which means none if there is a user.
    pub groups: Option<Vec<u32>>,
    /// File mode creation mask.
    pub umask: Option<u32>,
    /// Capabilities by set; a missing set is empty. `None` if capabilities are not stated.
    pub capabilities: Option<BTreeMap<&'static str, Vec<String>>>,
    /// Resource limits.
    pub limits: Vec<Limit>,
    /// Whether programs are prevented from gaining privileges; `None` if the specification has no process.
    pub no_new_privs: Option<bool>,
    /// `AppArmor` profile.
    pub apparmor: Option<String>,
    /// `SELinux` label of processes.
    pub selinux: Option<String>,
    /// Adjustment of the out-of-memory score.
    pub oom_score_adj: Option<i64>,
    /// Host name.
    pub hostname: Option<String>,
    /// Whether the root file system is read-only; `None` if not stated.
    pub read_only_root: Option<bool>,
    /// Namespaces; those not listed are the host's. `None` if there is no list.
    pub namespaces: Option<Vec<Namespace>>,
    /// Masked paths; `None` if there is no list.
    pub masked_paths: Option<Vec<String>>,
    /// Read-only paths; `None` if there is no list.
    pub read_only_paths: Option<Vec<String>>,
    /// Device nodes.
    pub devices: Vec<Device>,
    /// Rules of the device controller, in order.
    pub device_rules: Vec<DeviceRule>,
    /// Kernel settings.
    pub sysctls: Vec<(String, String)>,
    /// Whether the specification lists mounts.
    pub lists_mounts: bool,
    /// Whether the specification has a Linux section.
    pub is_of_linux: bool,
    /// The seccomp filter; `None` if none is asked for.
    pub seccomp: Option<SeccompProfile>,
    /// User id map of the user namespace: inside, outside, count.
    pub uid_map: Vec<(u64, u64, u64)>,
    /// Path of the control group.
    pub cgroup_path: Option<String>,
    /// Propagation of the root mount.
    pub root_propagation: Option<String>,
}

/// The declared facts.
#[derive(Debug, Default)]
pub struct Declared {
    /// The specification; `None` if the archive has none.
    pub spec: Option<Spec>,
    /// Whether the engine says that the container was privileged; only Podman records it.
    pub privileged: Option<bool>,
}

/// Reads what was declared.
pub(crate) fn read(_images: Images<'_>, _model: &Model, engine_files: &EngineFiles<'_>) -> Declared {
    let documents = Documents::read(engine_files);
    let privileged = documents.config.as_ref().and_then(|config| config.get(&["privileged"])?.as_bool());
    Declared { spec: documents.spec.as_ref().map(spec), privileged }
}

fn spec(document: &Document<'_>) -> Spec {
    let text = |keys: &[&str]| document.text(keys).map(str::to_owned);
    let number = |keys: &[&str]| document.get(keys).and_then(number_of);
    let list = |keys: &[&str]| document.array(keys).unwrap_or_default();
    let texts = |keys: &[&str]| document.array(keys).map(texts_of);
    // A missing flag in a section that exists is off.
    let flag = |part: &str, key: &str| {
        let part = document.object(&[part])?;
        Some(part.get(key).and_then(Value::as_bool).unwrap_or(false))
    };
    let map = document.object(&["linux", "sysctl"]);
    Spec {
        args: texts(&["process", "args"]),
        env: texts(&["process", "env"]),
        cwd: text(&["process", "cwd"]),
        uid: number(&["process", "user", "uid"]),
        gid: number(&["process", "user", "gid"]),
        groups: document
            .array(&["process", "user", "additionalGids"])
            .map(|groups| groups.iter().filter_map(number_of).collect()),
        umask: number(&["process", "user", "umask"]),
        capabilities: document.object(&["process", "capabilities"]).map(|sets| {
            let of = |name: &str| sets.get(name).and_then(Value::as_array).map(|set| texts_of(set)).unwrap_or_default();
            CAPABILITY_SETS.iter().map(|&name| (name, of(name))).collect()
        }),
        limits: list(&["process", "rlimits"]).iter().filter_map(limit).collect(),
        no_new_privs: flag("process", "noNewPrivileges"),
        apparmor: text(&["process", "apparmorProfile"]),
        selinux: text(&["process", "selinuxLabel"]),
        oom_score_adj: document.get(&["process", "oomScoreAdj"]).and_then(Value::as_i64),
        hostname: text(&["hostname"]),
        read_only_root: flag("root", "readonly"),
        namespaces: document.array(&["linux", "namespaces"]).map(|list| {
            let namespace = |entry| Some(Namespace { kind: text_in(entry, "type")?, path: text_in(entry, "path") });
            list.iter().filter_map(namespace).collect()
        }),
        masked_paths: texts(&["linux", "maskedPaths"]),
        read_only_paths: texts(&["linux", "readonlyPaths"]),
        lists_mounts: document.array(&["mounts"]).is_some(),
        is_of_linux: document.object(&["linux"]).is_some(),
        devices: list(&["linux", "devices"]).iter().filter_map(device).collect(),
        device_rules: list(&["linux", "resources", "devices"]).iter().map(device_rule).collect(),
        sysctls: map.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect(),
        seccomp: document.object(&["linux", "seccomp"]).map(|profile| SeccompProfile {
            default_action: profile.get("defaultAction").and_then(Value::as_str).map(str::to_owned),
            default_errno: profile.get("defaultErrnoRet").and_then(Value::as_u64),
            rules: profile.get("syscalls").and_then(Value::as_array).map_or(0, Vec::len),
        }),
        uid_map: list(&["linux", "uidMappings"])
            .iter()
            .filter_map(|entry| {
                let number = |key| entry.get(key).and_then(Value::as_u64);
                Some((number("containerID")?, number("hostID")?, number("size")?))
            })
            .collect(),
        cgroup_path: text(&["linux", "cgroupsPath"]),
        root_propagation: text(&["linux", "rootfsPropagation"]),
    }
}

fn texts_of(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn text_in(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn number_of(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

fn limit(value: &Value) -> Option<Limit> {
    let number = |key| value.get(key).and_then(Value::as_u64);
    Some(Limit { name: text_in(value, "type")?, soft: number("soft"), hard: number("hard") })
}

fn device(value: &Value) -> Option<Device> {
    let number = |key| value.get(key).and_then(number_of);
    Some(Device {
        path: text_in(value, "path")?,
        device_type: text_in(value, "type"),
        major: value.get("major").and_then(Value::as_i64),
        minor: value.get("minor").and_then(Value::as_i64),
        mode: number("fileMode"),
        uid: number("uid"),
        gid: number("gid"),
    })
}

fn device_rule(value: &Value) -> DeviceRule {
    // Engines write -1 for "all".
    let number = |key| value.get(key).and_then(Value::as_i64).filter(|&number| number >= 0);
    DeviceRule {
        allow: value.get("allow").and_then(Value::as_bool),
        device_type: text_in(value, "type"),
        major: number("major"),
        minor: number("minor"),
        access: text_in(value, "access"),
    }
}

impl Spec {
    /// The mask of a capability set; `None` if capabilities are not stated. Unknown names are skipped.
    pub fn capabilities(&self, set: &str) -> Option<u64> {
        let names = self.capabilities.as_ref()?.get(set)?;
        let bits = names.iter().filter_map(|name| 1_u64.checked_shl(abi::capability::number(name)?));
        Some(bits.fold(0, |mask, bit| mask | bit))
    }

    /// Origin of the namespace of a kind: new, joined, or the host's. `None` if namespaces are not stated.
    pub fn namespace(&self, kind: &str) -> Option<Origin<'_>> {
        let Some(namespace) = self.namespaces.as_ref()?.iter().find(|namespace| namespace.kind == kind) else {
            return Some(Origin::Host);
        };
        Some(match namespace.path.as_deref() {
            // A namespace of the host's first process.
            Some(path) if path.starts_with("/proc/1/ns/") => Origin::Host,
            Some(path) => Origin::Joined(path),
            None => Origin::New,
        })
    }
}

/// The origin of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// Created for the container.
    New,
    /// Joined by its path, such as a pod's.
    Joined(&'a str),
    /// The host's.
    Host,
}
