//! Table `isolation`.

use bstr::ByteSlice as _;

use super::table::table;
use crate::Checkpoint;
use crate::abi::capability;
use crate::model::container::SpecMount;
use crate::model::declared::{DeviceRule, Origin, SeccompProfile, Spec};
use crate::model::engine::Engine;
use crate::model::process::Seccomp as Mode;
use crate::model::shown::{Cover, Shown};

table! {
    "isolation", key(fact, item), brief(fact, item, unusual, value),
    event(Event::state(&["configuration"], "container-isolation"));
    /// What the container was allowed to do, according to its specification. One row for each fact, so that unusual
    /// ones are easy to find. If the specification does not say, the images decide. If the images contradict it, the
    /// value has both. What the container's processes did with these rights is in `capabilities`, `declared`,
    /// `seccomp_rules` and `mounts`. There are no rows if there is no specification.
    pub struct Isolation {
        /// The fact: `privileged`, `user`, `namespace`, `capability_added`, `capability_dropped`, `seccomp`,
        /// `apparmor`, `selinux`, `no_new_privs`, `read_only_root`, `masked_path`, `read_only_path`, `host_mount`,
        /// `device`, `device_rule`, `sysctl`, `rlimit`, `cgroup_path`, `root_propagation` or `oom_score_adj`.
        pub fact: &'static str,
        /// What the fact is about: the kind of namespace, the capability, the path in the container or the setting.
        /// Null if there is only one such fact.
        pub item: Option<String>,
        /// Whether this makes the isolation weaker than the engine's default. Null if unknown.
        pub unusual: Option<bool>,
        /// The value. Null if the archive does not say.
        pub value: Option<String>,
    }
}

/// Docker's and containerd's default capabilities.
const DOCKER: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];
/// Podman's default capabilities (containers-common, since 2020).
const PODMAN: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// CRI-O's default capabilities (`default_capabilities` of `crio.conf`).
const CRIO: &[&str] =
    &["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE", "KILL"];

/// Devices that runtimes create in every container.
const USUAL_DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/console", "/dev/ptmx"];

/// Directories in which engines and the kubelet keep volumes and whatever they mount into every container.
const USUAL_SOURCES: &[&str] = &[
    "/var/lib/containers/",
    "/run/containers/",
    "/var/run/containers/",
    "/var/lib/docker/",
    "/var/lib/containerd/",
    "/run/containerd/",
    "/var/lib/kubelet/pods/",
    "/run/user/",
    "/var/lib/cni/",
    "/run/netns/",
    "/var/run/netns/",
];

/// Kernel settings that engines change by default.
const USUAL_SYSCTLS: &[&str] = &["net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start"];

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Isolation> + '_ {
    let declared = checkpoint.declared();
    let container = checkpoint.model().container();
    let shown = Shown::of(checkpoint.model());
    declared.spec.iter().flat_map(move |spec| {
        let mut rows = Vec::new();
        let mut add = |fact, item: Option<String>, value: Option<String>, unusual: Option<bool>| {
            rows.push(Isolation { fact, item, unusual, value });
        };
        add("privileged", None, declared.privileged.map(yes_no), declared.privileged);
        add("user", None, user(spec), spec.uid.map(|_| false));
        namespaces(spec, &shown, &mut add);
        capabilities(spec.capabilities("bounding").or(shown.bounding()), container.engine, &mut add);
        seccomp(spec, &shown, &mut add);
        let apparmor = spec.apparmor.as_deref();
        add("apparmor", None, apparmor.map(str::to_owned), apparmor.map(|name| name == "unconfined"));
        let selinux = spec.selinux.as_deref();
        // The SELinux type of unconfined containers.
        add("selinux", None, selinux.map(str::to_owned), selinux.map(|label| label.contains(":spc_t:")));
        let switch = [
            ("no_new_privs", spec.no_new_privs.or(shown.no_new_privs())),
            ("read_only_root", spec.read_only_root.or(shown.read_only_root())),
        ];
        for (fact, on) in switch {
            add(fact, None, on.map(yes_no), on.map(|_| false));
        }
        covered("masked_path", spec.masked_paths.as_deref(), shown.covered(Cover::Masked), &mut add);
        covered("read_only_path", spec.read_only_paths.as_deref(), shown.covered(Cover::ReadOnly), &mut add);
        for mount in container.mounts.iter().filter(|mount| is_of_host(mount)) {
            let unusual =
                mount.source.as_deref().map(|source| !USUAL_SOURCES.iter().any(|usual| source.starts_with(usual)));
            let options = mount.options.join(",");
            let value = mount.source.as_ref().map(|source| format!("{source} ({options})"));
            add("host_mount", Some(mount.destination.clone()), value, unusual);
        }
        for device in &spec.devices {
            let number = |number: Option<i64>| number.map_or("?".to_owned(), |number| number.to_string());
            let kind = device.device_type.as_deref().unwrap_or("?");
            let value = format!("{kind} {}:{}", number(device.major), number(device.minor));
            let unusual = !USUAL_DEVICES.contains(&device.path.as_str());
            add("device", Some(device.path.clone()), Some(value), Some(unusual));
        }
        for (position, rule) in spec.device_rules.iter().enumerate() {
            let allows_all = rule.allow == Some(true) && rule.major.is_none() && rule.access.as_deref() != Some("m");
            add("device_rule", Some(position.to_string()), Some(rule_text(rule)), Some(allows_all));
        }
        for (name, value) in &spec.sysctls {
            add("sysctl", Some(name.clone()), Some(value.clone()), Some(!USUAL_SYSCTLS.contains(&name.as_str())));
        }
        for limit in &spec.limits {
            let number = |number: Option<u64>| match number {
                Some(u64::MAX) => "unlimited".to_owned(),
                Some(number) => number.to_string(),
                None => "?".to_owned(),
            };
            let value = format!("{} {}", number(limit.soft), number(limit.hard));
            add("rlimit", Some(limit.name.clone()), Some(value), Some(false));
        }
        add("cgroup_path", None, spec.cgroup_path.clone(), spec.cgroup_path.as_ref().map(|_| false));
        let propagation = spec.root_propagation.clone();
        let is_shared = propagation.as_deref().map(|propagation| propagation.ends_with("shared"));
        add("root_propagation", None, propagation, is_shared);
        add(
            "oom_score_adj",
            None,
            spec.oom_score_adj.map(|score| score.to_string()),
            spec.oom_score_adj.map(|_| false),
        );
        rows
    })
}

/// Takes a fact, its item, its value, and whether it is unusual.
type Add<'a> = dyn FnMut(&'static str, Option<String>, Option<String>, Option<bool>) + 'a;

fn yes_no(yes: bool) -> String {
    if yes { "yes".to_owned() } else { "no".to_owned() }
}

fn user(spec: &Spec) -> Option<String> {
    let (uid, gid) = (spec.uid?, spec.gid.unwrap_or_default());
    let name = if uid == 0 { " (root)" } else { "" };
    let outside = spec.uid_map.iter().find_map(|&(inside, outside, count)| {
        let behind = u64::from(uid).checked_sub(inside).filter(|&behind| behind < count)?;
        outside.checked_add(behind)
    });
    let outside = outside.map_or_else(String::new, |outside| format!(", {outside} on the host"));
    Some(format!("{uid}:{gid}{name}{outside}"))
}

fn namespaces(spec: &Spec, shown: &Shown<'_>, add: &mut Add<'_>) {
    for kind in ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"] {
        let origin = spec.namespace(kind);
        let said = origin.map(|origin| match origin {
            Origin::New => "own".to_owned(),
            Origin::Joined(path) => format!("joined {path}"),
            Origin::Host => "host".to_owned(),
        });
        let said_own = origin.map(|origin| origin != Origin::Host);
        let own = shown.has_own_namespace(kind);
        let of_images = own.map(|own| if own { "own" } else { "host" });
        let value = both(said, of_images, said_own != own);
        // Engines leave these namespaces to the host; the cgroup namespace only with control groups version 1.
        let is_optional = ["user", "cgroup", "time"].contains(&kind);
        add("namespace", Some(kind.to_owned()), value, own.or(said_own).map(|own| !own && !is_optional));
    }
}

/// The value from the specification, or else from the images. Both if they differ.
fn both(said: Option<String>, shown: Option<&str>, differ: bool) -> Option<String> {
    match (said, shown) {
        (Some(said), Some(shown)) if differ => Some(format!("{said} by the specification, {shown} by the images")),
        (Some(said), _) => Some(said),
        (None, shown) => shown.map(str::to_owned),
    }
}

/// The seccomp filter that the specification asks for, and whether there was one.
fn seccomp(spec: &Spec, shown: &Shown<'_>, add: &mut Add<'_>) {
    // A specification without a Linux section cannot ask for a filter.
    let said = spec.seccomp.as_ref().map(profile).or_else(|| spec.is_of_linux.then(|| "none".to_owned()));
    let filtered = shown.seccomp().map(|mode| mode != Mode::Disabled);
    let of_images = shown.seccomp().map(|mode| if mode == Mode::Disabled { "none" } else { mode.as_str() });
    let value = both(said, of_images, Some(spec.seccomp.is_some()) != filtered);
    let by_profile = spec.seccomp.as_ref().map(|_| true);
    add("seccomp", None, value, filtered.or(by_profile).map(|filtered| !filtered));
}

/// Kernel paths that the specification lists, or else those that the images show.
fn covered(fact: &'static str, said: Option<&[String]>, shown: Option<Vec<&[u8]>>, add: &mut Add<'_>) {
    let shown = || shown.map(|paths| paths.iter().map(|path| path.to_str_lossy().into_owned()).collect());
    let paths: Option<Vec<String>> = said.map(<[String]>::to_vec).or_else(shown);
    let Some(paths) = paths else {
        add(fact, None, None, None);
        return;
    };
    if paths.is_empty() {
        add(fact, None, Some("none".to_owned()), Some(true));
    }
    for path in paths {
        add(fact, Some(path), Some("yes".to_owned()), Some(false));
    }
}

/// Capabilities that an engine gives without being asked.
fn usual(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Podman => PODMAN,
        Engine::CriO => CRIO,
        Engine::Containerd | Engine::Docker => DOCKER,
    }
}

/// The same, by the engine's name; without `CAP_`.
pub(crate) fn usual_capabilities(engine: &str) -> Option<&'static [&'static str]> {
    let engines = [Engine::Podman, Engine::CriO, Engine::Containerd, Engine::Docker];
    engines.into_iter().find(|known| known.as_str() == engine).map(usual)
}

/// Whether the container was given every capability.
pub(crate) fn has_all_capabilities(rows: &[Isolation], engine: Option<&str>) -> bool {
    let Some(usual) = engine.and_then(usual_capabilities) else { return false };
    let numbers = |fact: &str| -> u64 {
        let names = rows.iter().filter(|row| row.fact == fact).filter_map(|row| row.item.as_deref());
        mask_of(names)
    };
    let all = u64::MAX.checked_shr(u64::BITS.saturating_sub(u32::try_from(capability::count()).unwrap_or(0)));
    let given = (mask_of(usual.iter().copied()) | numbers("capability_added")) & !numbers("capability_dropped");
    all.is_some_and(|all| given & all == all)
}

fn mask_of<'n>(names: impl Iterator<Item = &'n str>) -> u64 {
    names.filter_map(|name| 1_u64.checked_shl(capability::number(name)?)).fold(0, |mask, bit| mask | bit)
}

/// Capabilities in the bounding set that the engine gives nobody unasked, and those that it gives and that are not in it.
fn capabilities(bounding: Option<u64>, engine: Option<Engine>, add: &mut Add<'_>) {
    let Some(bounding) = bounding else {
        add("capability_added", None, None, None);
        return;
    };
    // What is unusual depends on who made it.
    let Some(usual) = engine.map(usual) else { return };
    let usual = mask_of(usual.iter().copied());
    for name in capability::names(bounding & !usual) {
        add("capability_added", Some(name.into_owned()), Some("yes".to_owned()), Some(true));
    }
    for name in capability::names(usual & !bounding) {
        add("capability_dropped", Some(name.into_owned()), Some("yes".to_owned()), Some(false));
    }
}

fn profile(profile: &SeccompProfile) -> String {
    let action = profile.default_action.as_deref().unwrap_or("no default action");
    let errno = profile.default_errno.map_or_else(String::new, |errno| format!(" {errno}"));
    format!("{action}{errno}, {} rules", profile.rules)
}

/// Whether the mount's source is a path on the host.
fn is_of_host(mount: &SpecMount) -> bool {
    let is_bind = mount.mount_type.as_deref() == Some("bind")
        || mount.options.iter().any(|option| option == "bind" || option == "rbind");
    is_bind && mount.source.as_deref().is_some_and(|source| source.starts_with('/'))
}

fn rule_text(rule: &DeviceRule) -> String {
    let number = |number: Option<i64>| number.map_or("*".to_owned(), |number| number.to_string());
    let verb = match rule.allow {
        Some(true) => "allow",
        Some(false) => "refuse",
        None => "?",
    };
    let kind = rule.device_type.as_deref().unwrap_or("a");
    let access = rule.access.as_deref().unwrap_or("rwm");
    format!("{verb} {kind} {}:{} {access}", number(rule.major), number(rule.minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_capabilities_are_capabilities() {
        for name in [DOCKER, PODMAN, CRIO].into_iter().flatten() {
            assert!(capability::number(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_user_is_shown_as_the_host_numbers_it() {
        let spec = Spec { uid: Some(33), gid: Some(33), uid_map: vec![(0, 100_000, 65536)], ..Spec::default() };
        assert_eq!(user(&spec).unwrap(), "33:33, 100033 on the host");
        let root = Spec { uid: Some(0), ..Spec::default() };
        assert_eq!(user(&root).unwrap(), "0:0 (root)");
    }

    #[test]
    fn a_namespace_of_the_first_process_is_the_hosts() {
        let namespace =
            |path: &str| crate::model::declared::Namespace { kind: "pid".to_owned(), path: Some(path.to_owned()) };
        let spec = Spec { namespaces: Some(vec![namespace("/proc/1/ns/pid")]), ..Spec::default() };
        assert_eq!(spec.namespace("pid"), Some(Origin::Host));
        let pod = Spec { namespaces: Some(vec![namespace("/proc/4711/ns/pid")]), ..Spec::default() };
        assert_eq!(pod.namespace("pid"), Some(Origin::Joined("/proc/4711/ns/pid")));
        assert_eq!(pod.namespace("network"), Some(Origin::Host), "not in the list");
        assert_eq!(Spec::default().namespace("pid"), None, "no list");
    }
}
