//! The specification as rules look at it: its values with their JSON pointers, and what several rules ask of it.

use bstr::ByteSlice;
use serde_json::Value;

use super::super::{Evidence, Facts, Report};
use crate::abi::capability;
use crate::model::declared::{Origin, Spec};
use crate::model::process::Seccomp as Mode;
use crate::model::shown::Shown;

/// Most characters of a value that evidence shows.
const SHOWN_MOST: usize = 400;

/// The specification, counted as looked at. Bare image sets have none.
pub(super) fn of<'f>(facts: &'f Facts<'_>, report: &mut Report<'_>) -> Option<&'f Spec> {
    let Some(spec) = facts.spec().spec.as_ref() else {
        report.not_checked("the archive has no specification of the container");
        return None;
    };
    report.look().then_some(spec)
}

/// The value at a pointer, as evidence. A value that is missing is evidence, too.
pub(super) fn evidence(facts: &Facts<'_>, pointer: &str) -> Evidence {
    let spec = facts.spec();
    let text = spec.pointer(pointer).map_or_else(|| "(not there)".to_owned(), ToString::to_string);
    let text: String = text.chars().take(SHOWN_MOST).collect();
    Evidence::json(spec.member.clone().unwrap_or_else(|| "spec.dump".into()), pointer, text)
}

/// A mount from the host, as the specification asks for it.
pub(in crate::analysis) struct HostMount<'f> {
    /// Its place in `/mounts`.
    pub(in crate::analysis) place: usize,
    /// Path on the host, without a slash at the end.
    pub(in crate::analysis) source: &'f str,
    /// Path in the container.
    pub(in crate::analysis) destination: &'f str,
    /// Its options.
    pub(in crate::analysis) options: Vec<&'f str>,
}

impl HostMount<'_> {
    /// Whether the container may only read it.
    pub(in crate::analysis) fn is_read_only(&self) -> bool {
        self.options.iter().any(|option| matches!(*option, "ro" | "rro"))
    }

    /// Its JSON pointer.
    pub(in crate::analysis) fn pointer(&self) -> String {
        format!("/mounts/{}", self.place)
    }
}

/// The mounts from the host.
pub(in crate::analysis) fn host_mounts<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = HostMount<'f>> {
    let all = facts.spec().pointer("/mounts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    all.iter().enumerate().filter_map(|(place, mount)| {
        let text = |key: &str| mount.get(key).and_then(Value::as_str);
        let options = mount.get("options").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let options: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
        let is_bind = text("type") == Some("bind") || options.iter().any(|option| matches!(*option, "bind" | "rbind"));
        let source = text("source").filter(|source| is_bind && source.starts_with('/'))?;
        let source = if source.len() > 1 { source.trim_end_matches('/') } else { source };
        Some(HostMount { place, source, destination: text("destination")?, options })
    })
}

/// The capabilities that the container may ever have: those of the specification, or else those of the first process.
pub(super) fn bounding(facts: &Facts<'_>) -> Option<u64> {
    let said = facts.spec().spec.as_ref().and_then(|spec| spec.capabilities("bounding"));
    said.or_else(|| Shown::of(facts.model()).bounding())
}

/// Whether a set has a capability, by its name without `CAP_`.
pub(super) fn has(set: u64, name: &str) -> bool {
    capability::number(name).and_then(|number| set.checked_shr(number)).is_some_and(|rest| rest & 1 == 1)
}

/// Whether system calls are filtered. `None` if neither the specification nor the images say.
pub(super) fn is_filtered(facts: &Facts<'_>) -> Option<bool> {
    let shown = Shown::of(facts.model()).seccomp().map(|mode| mode != Mode::Disabled);
    let said = || {
        let spec = facts.spec().spec.as_ref()?;
        spec.is_of_linux.then_some(spec.seccomp.is_some())
    };
    shown.or_else(said)
}

/// Whether a namespace is the host's, by the specification. The images win if they show that it is the container's own.
pub(super) fn is_hosts(facts: &Facts<'_>, kind: &str) -> bool {
    let said = facts.spec().spec.as_ref().and_then(|spec| spec.namespace(kind));
    said == Some(Origin::Host) && Shown::of(facts.model()).has_own_namespace(kind) != Some(true)
}

/// What makes a container privileged, in words with the pointers that say it. Empty if it is not privileged.
pub(super) fn privileges(facts: &Facts<'_>) -> Vec<(&'static str, &'static str)> {
    let Some(spec) = facts.spec().spec.as_ref() else { return Vec::new() };
    let caps = bounding(facts).unwrap_or(0);
    let has_all = ["SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_PTRACE", "NET_ADMIN", "MKNOD", "SYS_BOOT"]
        .iter()
        .all(|name| has(caps, name));
    let allows_all = spec.device_rules.iter().any(|rule| {
        let is_any = rule.major.is_none() && rule.minor.is_none();
        let kind = rule.device_type.as_deref();
        let access = rule.access.as_deref().unwrap_or("rwm");
        rule.allow == Some(true) && is_any && matches!(kind, None | Some("a")) && access.contains('w')
    });
    let masks_nothing = spec.is_of_linux && spec.masked_paths.as_ref().is_none_or(Vec::is_empty);
    let parts = [
        (has_all, "all capabilities", "/process/capabilities/bounding"),
        (is_filtered(facts) == Some(false), "no filter of system calls", "/linux/seccomp"),
        (masks_nothing, "no masked paths", "/linux/maskedPaths"),
        (allows_all, "access to all devices", "/linux/resources/devices"),
    ];
    let held: Vec<(&str, &str)> =
        parts.into_iter().filter(|(holds, ..)| *holds).map(|(_, words, pointer)| (words, pointer)).collect();
    let is_privileged = facts.spec().privileged == Some(true) || has_all && held.len() >= 3;
    if is_privileged { held } else { Vec::new() }
}

/// Whether the container is privileged. Then the single facts are part of that one finding, and other rules pass over
/// them.
pub(super) fn is_privileged(facts: &Facts<'_>) -> bool {
    facts.spec().privileged == Some(true) || !privileges(facts).is_empty()
}

/// Whether a path is another, or below it.
pub(super) fn is_at_or_below(path: &[u8], top: &str) -> bool {
    path.strip_prefix(top.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with_str("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_found_by_name() {
        assert!(has(1 << 21, "SYS_ADMIN") && !has(1 << 20, "SYS_ADMIN") && !has(u64::MAX, "NO_SUCH"));
    }

    #[test]
    fn below_means_a_part_of_the_path() {
        assert!(is_at_or_below(b"/proc/sys/kernel", "/proc/sys") && is_at_or_below(b"/proc/sys", "/proc/sys"));
        assert!(!is_at_or_below(b"/proc/sysrq-trigger", "/proc/sys"));
    }
}
